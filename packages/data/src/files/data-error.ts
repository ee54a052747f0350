import { FormatError, WbdcError } from '@wbdc/io/errors';

/**
 * The content of a file is at fault, not the disk or the program: what a reader may skip and count. The message says
 * what was expected, what came, where, and what to do.
 */
export class DataError extends WbdcError {
  override readonly name = 'DataError';
}

/** A format's own error as one that data readers know; other errors stay as they are. */
export function asDataError(error: unknown): unknown {
  return error instanceof FormatError ? new DataError(error.message, { cause: error }) : error;
}

/** A promise whose {@link asDataError} a caller sees. */
export function asData<T>(promise: Promise<T>): Promise<T> {
  return promise.catch((error: unknown) => Promise.reject(asDataError(error)));
}

/** Told of every record that is skipped. Without such a hook a reader throws instead. */
export type OnBad = (error: DataError) => void;

/** The decision of every reader about one bad record: skip it where somebody counts, otherwise throw. */
export function refuse(error: unknown, onBad: OnBad | undefined): void {
  const bad = asDataError(error);
  if (!(bad instanceof DataError) || !onBad) throw bad;
  onBad(bad);
}

/** Counts what is skipped, keeps the first messages, and refuses when too large a share was bad. */
export class SkipCounter {
  count = 0;
  readonly examples: string[] = [];

  constructor(
    private readonly what: string,
    /** Share of all records that may be bad, 0 to 1. */
    private readonly maxShare: number,
    /** What says so, for people. */
    private readonly setting = 'the share that may be bad',
  ) {}

  /** Pass this as `onBad`. */
  readonly add = (error: DataError): void => {
    this.count++;
    if (this.examples.length < 5) this.examples.push(error.message);
  };

  /** @throws DataError when more than the allowed share of `total` records was bad */
  check(total: number): void {
    if (this.count <= this.maxShare * total) return;
    const examples = this.examples.map((example) => `\n  ${example}`).join('');
    throw new DataError({
      expected: `at most ${this.maxShare * 100} % bad ${this.what}`,
      got: `${this.count} of ${total}`,
      advice: `repair the data, or raise ${this.setting} if they may be missing. The first:${examples}`,
      code: 'too-many-bad',
    });
  }
}

/** A value as an error message shows it: its type, and the start of it. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return `an object with the keys ${clip(Object.keys(value).join(', '))}`;
  return `the ${typeof value} ${clip(JSON.stringify(value))}`;
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
