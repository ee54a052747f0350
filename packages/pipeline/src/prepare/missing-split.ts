import { WbdcError } from '@wbdc/io/errors';

/** A split that is asked for is not in the data set. */
export class MissingSplitError extends WbdcError {
  override readonly name = 'MissingSplitError';
  override readonly code = 'split-missing';

  constructor(
    readonly split: string,
    expected: string,
    kind: 'file' | 'folder',
  ) {
    super(`expected ${expected}, but there is no such ${kind}`);
  }
}
