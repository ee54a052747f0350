export { differences } from './differences.js';
export type { Difference } from './differences.js';
export { nearestOf } from './nearest.js';
export { briefly } from './briefly.js';

import { briefly } from './briefly.js';

/** What does not fit: a setting, a file, a model. */
export interface Mismatch {
  /** The file, setting or value at fault: `runs/a/config.json`, `finetune.folds`. */
  readonly where?: string;
  readonly expected: string;
  readonly got: string;
  /** What to do, in the words of the library. A program that wraps it may say it in its own. */
  readonly advice?: string;
  /** For programs: a stable name of this kind of mismatch, such as `tower-missing`. */
  readonly code?: string;
}

/**
 * A failure that whoever called can act on. Its message reads `where: expected ..., got ...: advice`; the fields hold
 * the same for programs. All errors that the packages of wbdc throw on purpose are of this class or one below it.
 * What a file holds may stand in a message: message and fields are at most a kilobyte each, see {@link briefly}.
 */
export class WbdcError extends Error {
  override readonly name: string = 'WbdcError';
  // Declared only: a field that is not known is not there, and shows up in no print of the error.
  declare readonly where?: string;
  declare readonly expected?: string;
  declare readonly got?: string;
  declare readonly code?: string;

  constructor(problem: Mismatch | string, options?: ErrorOptions) {
    super(briefly(typeof problem === 'string' ? problem : messageOf(problem)), options);
    if (typeof problem === 'string') return;
    const { expected, got, code } = problem;
    const where = problem.where === undefined ? {} : { where: briefly(problem.where) };
    Object.assign(this, {
      expected: briefly(expected),
      got: briefly(got),
      ...where,
      ...(code !== undefined && { code }),
    });
  }
}

/**
 * Bytes are not what their format says: damaged, cut off, or of another kind. What a reader of many may skip and count.
 */
export class FormatError extends WbdcError {
  override readonly name: string = 'FormatError';
}

/** The system has refused to read or write a file: the disk is full, there is none, no permission. */
export class FileError extends WbdcError {
  override readonly name: string = 'FileError';

  constructor(
    /** What was tried, and with which file: `cannot write a.json`. */
    readonly task: string,
    /** What is in the way, and what to do. */
    reason: string,
    /** The system's code: `ENOSPC`. */
    override readonly code: string,
    options?: ErrorOptions,
  ) {
    super(`${task}: ${reason}`, options);
  }
}

function messageOf({ where, expected, got, advice }: Mismatch): string {
  const start = where === undefined ? '' : `${where}: `;
  return `${start}expected ${expected}, got ${got}${advice === undefined ? '' : `: ${advice}`}`;
}
