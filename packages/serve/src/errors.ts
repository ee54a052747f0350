import { WbdcError, type Mismatch } from '@wbdc/io/errors';

/**
 * Why a request is refused.
 *
 * - `request`: it is wrong in itself; `token`: it has no right to ask; `forbidden`: it asks for what is not allowed
 * - `missing`: what it asks for is not there; `too-large`: it is over a limit
 * - `queue-full`: too many wait already; `timeout`: it took too long; `closing`: the server ends
 *
 * Of a server that is to start: `names`, two models are called the same, or a file is none that it can write.
 */
export type ServeErrorCode =
  'closing' | 'forbidden' | 'missing' | 'names' | 'queue-full' | 'request' | 'timeout' | 'token' | 'too-large';

const STATUS: Readonly<Record<ServeErrorCode, number>> = {
  names: 400,
  request: 400,
  token: 401,
  forbidden: 403,
  missing: 404,
  'too-large': 413,
  'queue-full': 429,
  closing: 503,
  timeout: 504,
};

/** A request that is refused, with the status of HTTP that says so. */
export class ServeError extends WbdcError {
  override readonly name = 'ServeError';
  override readonly code: ServeErrorCode;
  readonly status: number;
  /** Seconds after which to ask again. */
  readonly retryAfter: number | undefined;

  constructor(problem: Mismatch & { readonly code: ServeErrorCode }, options?: ErrorOptions & { retryAfter?: number }) {
    super(problem, options);
    this.code = problem.code;
    this.status = STATUS[problem.code];
    this.retryAfter = options?.retryAfter;
  }
}
