import { setTimeout as sleep } from 'node:timers/promises';
import { HubError, TransientError } from './error.js';

/** How to talk to a hub. */
export interface HubClient {
  /** Without a slash at the end. */
  readonly hubUrl: string;
  readonly token?: string;
  readonly fetch: typeof fetch;
  readonly signal?: AbortSignal;
  /** Attempts without any progress, the first included. */
  readonly attempts: number;
  /** Before the second attempt, in ms; doubled each time up to half a minute. */
  readonly delay: number;
  /** Longest silence of the other side, in ms. */
  readonly idleTimeout: number;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const HOPS = 6;
const LONGEST_DELAY = 30_000;
const LONGEST_ANSWER = 32 * 2 ** 20;

/** Tries again after failures that may pass; attempts count from the last progress. */
export async function withRetries<T>(client: HubClient, action: () => Promise<T>): Promise<T> {
  for (let failures = 0; ;) {
    client.signal?.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      failures = error.retry.progress ? 1 : failures + 1;
      if (failures >= client.attempts) {
        const tries = client.attempts === 1 ? '' : ` (${client.attempts} attempts)`;
        throw new HubError(error.reason, `${error.message}${tries}`, { cause: error.cause });
      }
      const pause = Math.max(client.delay * 2 ** (failures - 1), (error.retry.after ?? 0) * 1000);
      await sleep(Math.min(pause, LONGEST_DELAY), undefined, client.signal && { signal: client.signal }).catch(() =>
        client.signal?.throwIfAborted(),
      );
    }
  }
}

export interface RequestOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  /** Statuses to hand back besides success. */
  readonly accept?: readonly number[];
  /** Says of a redirect that it is the answer itself. */
  readonly isAnswer?: (response: Response) => boolean;
  /** Ends a silent connection; restarted by whoever reads the body. */
  readonly watch?: AbortSignal;
}

/**
 * One request, redirects followed here and not by fetch: the token goes to the hub's own origin only, and nobody sends
 * us from https to http.
 */
export async function request(client: HubClient, url: string, options: RequestOptions = {}): Promise<Response> {
  let target = new URL(url);
  for (let hop = 0; hop < HOPS; hop++) {
    const response = await send(client, target, options);
    const location = response.headers.get('location');
    if (!REDIRECTS.has(response.status) || !location || options.isAnswer?.(response)) {
      return checkStatus(response, target, options.accept);
    }
    await discard(response);
    const next = parseLocation(location, target);
    if (target.protocol === 'https:' && next.protocol !== 'https:') {
      throw new HubError('unexpected', `${target}: expected a redirect to https, got ${next.origin}`);
    }
    target = next;
  }
  throw new HubError('unexpected', `${url}: expected at most ${HOPS} redirects, got more`);
}

function parseLocation(location: string, base: URL): URL {
  const next = URL.canParse(location, base.href) ? new URL(location, base) : undefined;
  if (next?.protocol === 'https:' || next?.protocol === 'http:') return next;
  throw new HubError('unexpected', `${base}: expected a redirect to a web address, got ${location.slice(0, 200)}`);
}

async function send(client: HubClient, url: URL, options: RequestOptions): Promise<Response> {
  const own = url.origin === new URL(client.hubUrl).origin;
  const signals = [client.signal, options.watch ?? AbortSignal.timeout(client.idleTimeout)].filter(
    (s) => s !== undefined,
  );
  try {
    return await client.fetch(url.href, {
      method: options.method ?? 'GET',
      redirect: 'manual',
      signal: AbortSignal.any(signals),
      headers: {
        'user-agent': 'wbdc',
        'accept-encoding': 'identity', // sizes and ranges are those of the file
        ...options.headers,
        ...(own && client.token && { authorization: `Bearer ${client.token}` }),
      },
    });
  } catch (cause) {
    throw networkError(client, url.href, cause);
  }
}

/** A broken connection as an error to try again; an abort of the caller stays what it is. */
export function networkError(client: HubClient, url: string, cause: unknown, progress = false): Error {
  if (client.signal?.aborted) return client.signal.reason as Error;
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const silent = error.name === 'TimeoutError' || error.name === 'AbortError';
  const inner =
    error.cause instanceof Error ? error.cause.message || String((error.cause as { code?: unknown }).code) : '';
  const reason = silent ? `nothing came for ${client.idleTimeout / 1000} s` : inner || error.message;
  return new TransientError(
    'unreachable',
    `cannot reach ${url}: ${reason}. Check the connection, or name a mirror (hubUrl, HF_ENDPOINT)`,
    { progress },
    { cause },
  );
}

async function checkStatus(response: Response, url: URL, accept: readonly number[] = []): Promise<Response> {
  const { status } = response;
  if (response.ok || REDIRECTS.has(status) || accept.includes(status)) return response;
  await discard(response);
  const code = response.headers.get('x-error-code') ?? '';
  const got = `${url.origin}${url.pathname}: got ${status}${code && ` ${code}`}`;
  if (status === 408 || status === 429 || status >= 500) {
    const after = Number(response.headers.get('retry-after'));
    throw new TransientError('unreachable', `${got}: the server is busy or broken; try later or name a mirror`, {
      ...(after > 0 && { after }),
    });
  }
  if (code === 'GatedRepo')
    throw new HubError('forbidden', `${got}: accept the model's conditions on its page, and pass a token`);
  if (status === 401 || status === 403) {
    throw new HubError(
      'forbidden',
      `${got}: no such model, or a private one: check the name, or pass a token (HF_TOKEN)`,
    );
  }
  if (status === 404) throw new HubError('missing', `${got}: check the names of model, revision and file`);
  throw new HubError('unexpected', `${got}: expected an answer of a Hugging Face hub`);
}

export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined); // frees the connection
}

/** A JSON answer of bounded size. */
export async function requestJson(client: HubClient, url: string): Promise<unknown> {
  const response = await request(client, url, { headers: { accept: 'application/json' } });
  const length = Number(response.headers.get('content-length') ?? 0);
  if (length > LONGEST_ANSWER)
    throw new HubError('unexpected', `${url}: expected an answer below 32 MiB, got ${length}`);
  const text = await response.text().catch((cause: unknown) => Promise.reject(networkError(client, url, cause)));
  try {
    return JSON.parse(text);
  } catch (cause) {
    const start = JSON.stringify(text.slice(0, 60));
    throw new HubError('unexpected', `${url}: expected JSON of a Hugging Face hub, got ${start}`, { cause });
  }
}
