import { WbdcError } from '@wbdc/io/errors';

/** A size of a model in which a checkpoint differs. */
export interface SizeDifference {
  readonly name: string;
  /** As the model was configured. */
  readonly expected: unknown;
  /** As the checkpoint has it. */
  readonly got: unknown;
}

/** A checkpoint holds a model of other sizes than the one that it was to be loaded into. */
export class SizesError extends WbdcError {
  override readonly name = 'SizesError';

  constructor(
    /** Of the checkpoint. */
    readonly folder: string,
    readonly differences: readonly SizeDifference[],
  ) {
    const lines = differences.map(
      ({ name, expected, got }) => `  ${name}: expected ${String(expected)} by the configuration, got ${String(got)}`,
    );
    super([`${folder} holds a model of other sizes:`, ...lines].join('\n'));
  }
}

/**
 * Builds a model of the sizes that a file gives: what the model's own check refuses is told as the file's fault.
 *
 * @throws WbdcError that names the file
 */
export function modelOf<T>(where: string, build: () => T): T {
  try {
    return build();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new WbdcError({ where, expected: 'the sizes of a model', got: `others (${cause.message})` }, { cause });
  }
}

/**
 * Compares sizes that leave no trace in any shape, such as the number of heads, and those that do, before anything is
 * read.
 *
 * @throws SizesError
 */
export function assertSameSizes<Name extends string>(
  where: string,
  names: readonly Name[],
  expected: Partial<Record<Name, unknown>>,
  got: Partial<Record<Name, unknown>>,
): void {
  const differences = names
    .filter((name) => expected[name] !== got[name])
    .map((name) => ({ name, expected: expected[name], got: got[name] }));
  if (differences.length > 0) throw new SizesError(where, differences);
}
