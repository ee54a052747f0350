import { WbdcError } from '@wbdc/io/errors';

/**
 * Why a download failed: no connection or a failing server after all attempts (`unreachable`), no such model, revision
 * or file (`missing`), a private or gated model (`forbidden`), other bytes than the hub's hash says (`damaged`), an
 * answer that is no hub's (`unexpected`).
 */
export type HubReason = 'unreachable' | 'missing' | 'forbidden' | 'damaged' | 'unexpected';

export class HubError extends WbdcError {
  override readonly name = 'HubError';

  constructor(
    readonly reason: HubReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A failure that may pass: tried again until the attempts are used up, then thrown as {@link HubError}. */
export class TransientError extends HubError {
  constructor(
    reason: HubReason,
    message: string,
    readonly retry: { readonly after?: number; readonly progress?: boolean } = {},
    options?: ErrorOptions,
  ) {
    super(reason, message, options);
  }
}
