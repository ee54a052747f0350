import { WbdcError } from '@wbdc/io/errors';

/** Rows of one model: row i belongs to ids[i]. */
export interface Embeddings {
  /** Name of the model, for messages and to keep the models' order from fit to transform. */
  readonly name: string;
  readonly ids: readonly string[];
  /** Values of a row. */
  readonly width: number;
  /** `[ids.length, width]`, row by row. */
  readonly values: Float32Array | Float64Array;
}

/** What every model of an ensemble has to agree on. */
export interface Layout {
  readonly names: readonly string[];
  readonly widths: readonly number[];
}

export function layoutOf(members: readonly Embeddings[]): Layout {
  if (members.length === 0)
    throw new WbdcError('ensemble: expected one model or more, got none. Pass the rows of each model.');
  const names = members.map(({ name }) => name);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined) {
    throw new WbdcError(`ensemble: expected every model once, got '${repeated}' twice. Give each its own name.`);
  }
  return { names, widths: members.map(({ width }) => width) };
}

/** Checks that the models are the expected ones, in the same order. */
export function checkLayout(got: Layout, expected: Layout): void {
  const describe = ({ names, widths }: Layout) => names.map((name, i) => `${name} (${widths[i]} wide)`).join(', ');
  if (describe(got) === describe(expected)) return;
  throw new WbdcError(
    `ensemble: expected the models ${describe(expected)}, got ${describe(got)}. ` +
      'Pass the same models in the same order as in fit, or fit again.',
  );
}

/**
 * For every model, the row of each of the first model's ids. All have to hold the same ids; their order may differ.
 */
export function alignRows(members: readonly Embeddings[]): Int32Array[] {
  const [first, ...others] = members;
  for (const member of members) checkShape(member);
  const positions = indexIds(first);
  return [Int32Array.from(first.ids.keys()), ...others.map((other) => rowsOf(first, positions, other))];
}

function checkShape({ name, ids, width, values }: Embeddings): void {
  if (Number.isInteger(width) && width > 0 && values.length === ids.length * width) return;
  throw new WbdcError(
    `ensemble: model '${name}': expected ${ids.length} ids x ${width} values = ${ids.length * width}, ` +
      `got ${values.length}. Check 'width' and that ids and values come from one file.`,
  );
}

function indexIds({ name, ids }: Embeddings): Map<string, number> {
  const positions = new Map<string, number>();
  ids.forEach((id, row) => {
    const before = positions.get(id);
    if (before !== undefined) {
      throw new WbdcError(
        `ensemble: model '${name}': expected every id once, got '${id}' in rows ${before} and ${row}. ` +
          'Remove the repeated rows.',
      );
    }
    positions.set(id, row);
  });
  return positions;
}

function rowsOf(first: Embeddings, positions: ReadonlyMap<string, number>, other: Embeddings): Int32Array {
  if (other.ids === first.ids) return Int32Array.from(first.ids.keys());
  const own = indexIds(other);
  const missing = first.ids.filter((id) => !own.has(id));
  const extra = other.ids.filter((id) => !positions.has(id));
  if (missing.length === 0 && extra.length === 0) return Int32Array.from(first.ids, (id) => own.get(id)!);
  const say = (ids: string[]) => (ids.length === 0 ? '0' : `${ids.length} (first: ${ids.slice(0, 3).join(', ')})`);
  throw new WbdcError(
    `ensemble: expected the same ids of '${first.name}' and '${other.name}', got ${say(missing)} missing and ` +
      `${say(extra)} extra in '${other.name}'. Predict the same videos with both models, or leave these out.`,
  );
}

/** Squares of sums of larger ones leave the range of a double. */
const LARGEST_WEIGHT = 1e100;

/** Weights as given, or 1/M each. */
export function checkWeights(weights: readonly number[] | undefined, names: readonly string[]): number[] {
  if (weights === undefined) return names.map(() => 1 / names.length);
  const valid = weights.length === names.length && weights.every((w) => w >= 0 && w <= LARGEST_WEIGHT);
  if (valid && weights.some((w) => w > 0)) return [...weights];
  throw new WbdcError(
    `ensemble: weights: expected ${names.length} numbers from 0 to ${LARGEST_WEIGHT}, not all 0 ` +
      `(${names.join(', ')}), got [${weights.join(', ')}].`,
  );
}
