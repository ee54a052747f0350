import { setTimeout as delay } from 'node:timers/promises';
import { WbdcError } from '../errors.js';
import { RangeRefusal, type RangeAnswer, type RangeClient } from './client.js';
import { shownLocation } from './location.js';

export interface RetryOptions {
  /** Tries one after another that bring no byte; default 5. */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a connection counts as lost; default 30,000. */
  readonly idleMilliseconds?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What a server holds, and the bytes read of it. */
export type Fetched = Pick<RangeAnswer, 'size' | 'version'> & { readonly bytes: Uint8Array };

const FIRST_WAIT = 100;
const LONGEST_WAIT = 10_000;

/**
 * Bytes `[start, end)` of an object. Where a connection breaks off or falls silent, or a server is busy or broken, it
 * is tried again from the first byte that is missing, after 0.1, 0.2, 0.4, ... seconds.
 * @throws WbdcError with the code `remote`, or `remote-missing` where the server has no such file: where, what the
 *   server said, what to do
 */
export async function fetchRange(
  client: RangeClient,
  url: string,
  [start, end]: readonly [number, number],
  {
    attempts = 5,
    idleMilliseconds = 30_000,
    signal,
    version,
  }: RetryOptions & { readonly version?: string | undefined },
): Promise<Fetched> {
  const bytes = new Uint8Array(end - start);
  let done = 0;
  let last: unknown = new Error('the connection ended early');
  let known: Pick<RangeAnswer, 'size' | 'version'> | undefined;
  for (let left = attempts, wait = FIRST_WAIT; left > 0; left--, wait = Math.min(LONGEST_WAIT, 2 * wait)) {
    if (left < attempts) await delay(wait * (0.5 + Math.random() / 2), undefined, { ...(signal && { signal }) });
    const before = done;
    const silence = new Silence(idleMilliseconds, signal);
    try {
      const { body, ...rest } = await client.get(start + done, end, silence.signal, version ?? known?.version);
      known ??= rest;
      for await (const chunk of body) {
        silence.heard();
        if (done + chunk.length > bytes.length) throw new RangeRefusal(`${bytes.length} bytes`, 'more', false);
        bytes.set(chunk, done);
        done += chunk.length;
      }
      if (done === bytes.length || rest.size === 0) return { ...known, bytes };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof WbdcError) throw error;
      if (error instanceof RangeRefusal && !error.passes) throw remoteError(url, error);
      last = error;
    } finally {
      silence.end();
    }
    if (done > before) [left, wait] = [attempts + 1, FIRST_WAIT / 2]; // it goes on, however slowly
  }
  throw remoteError(url, last, attempts);
}

function remoteError(url: string, cause: unknown, attempts?: number): WbdcError {
  const refusal = cause instanceof RangeRefusal ? cause : undefined;
  const tries = attempts === undefined ? '' : ` ${attempts} times`;
  const {
    expected = 'bytes of a file',
    got = reasonOf(cause),
    advice = 'check the address and the connection',
  } = refusal ?? {};
  const code = refusal?.missing === true ? 'remote-missing' : 'remote';
  return new WbdcError({ where: shownLocation(url), expected, got: `${got}${tries}`, advice, code }, { cause });
}

/** `fetch failed` says nothing: what is behind it does. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}

/** Aborts where nothing is heard for a while, or with the caller's signal. */
class Silence {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  readonly signal: AbortSignal;

  constructor(milliseconds: number, outer: AbortSignal | undefined) {
    const lost = new Error(`nothing for ${milliseconds / 1000} s`);
    this.timer = setTimeout(() => this.controller.abort(lost), milliseconds);
    this.signal = outer ? AbortSignal.any([outer, this.controller.signal]) : this.controller.signal;
  }

  heard(): void {
    this.timer.refresh();
  }

  end(): void {
    clearTimeout(this.timer);
  }
}
