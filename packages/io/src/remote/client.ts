/** Bytes of an object on a server, and what the server says of it. */
export interface RangeAnswer {
  /** Of the whole object, in bytes. */
  readonly size: number;
  /** What changes with the object's content, for {@link RangeClient.get}; none where the server does not say. */
  readonly version: string | undefined;
  /** The range asked for, in chunks; it may break off. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** One object on a server. */
export interface RangeClient {
  /**
   * Asks for bytes `[start, end)`.
   * @param version refuses an object that is another one by now
   * @throws RemoteError: one that `passes` is worth another try
   */
  get(start: number, end: number, signal: AbortSignal, version?: string): Promise<RangeAnswer>;
}

const A_FILE = 'a file';

/** A server's refusal. */
export class RangeRefusal extends Error {
  override readonly name = 'RangeRefusal';

  constructor(
    readonly expected: string,
    readonly got: string,
    /** Whether it may pass: the server is busy or broken, not the request. */
    readonly passes: boolean,
    readonly advice?: string,
  ) {
    super(`expected ${expected}, got ${got}`);
  }

  /** There is no such file. */
  get missing(): boolean {
    return this.expected === A_FILE;
  }
}

/** The refusal that a status of HTTP is, in words. */
export function refusalOf(status: number, text: string): RangeRefusal {
  const got = `${status}${text === '' ? '' : ` ${text}`}`;
  const refuse = (expected: string, advice?: string): RangeRefusal =>
    new RangeRefusal(expected, got, status === 408 || status === 429 || status >= 500, advice);
  if (status === 401 || status === 403) return refuse('access', 'check the credentials, or sign the address again');
  if (status === 404 || status === 410) return refuse(A_FILE, 'check the address');
  if (status === 412) return refuse('the file that was opened', 'it has changed since: open it again');
  if (status === 200) return refuse('a server that answers range requests (206)', 'copy the file to a disk');
  return refuse('bytes of a file (206)');
}

/** `bytes 0-0/1234`: the size of the whole. */
export function sizeInRange(contentRange: string | null | undefined): number {
  const size = Number(/^bytes [\d*-]+\/(\d+)$/.exec(contentRange ?? '')?.[1] ?? NaN);
  if (Number.isSafeInteger(size)) return size;
  throw new RangeRefusal('a size in the header Content-Range', String(contentRange ?? 'none'), false);
}
