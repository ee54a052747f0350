import { averagePrecision } from './retrieval.js';

/** The sizes of a table of labels `[N, T]`, row by row. */
export interface TableSize {
  readonly rows: number;
  readonly columns: number;
}

/** F1 of several labels at a time. */
export interface MultilabelF1 {
  /** Of all decisions together. */
  readonly micro: number;
  /** Mean over the labels. */
  readonly macro: number;
  /** Of each label; 0 where it is undefined. */
  readonly perLabel: Float64Array;
}

/**
 * F1 of decisions `[N, T]` of 0 and 1 against the truth: scikit-learn's `f1_score` with `average='micro'`, `'macro'`
 * and `None`, and `zero_division=0`.
 */
export function multilabelF1(truth: ArrayLike<number>, decided: ArrayLike<number>, size: TableSize): MultilabelF1 {
  assertSize(truth, size);
  assertSize(decided, size);
  const { rows, columns } = size;
  const counts = Array.from({ length: columns }, () => ({ both: 0, any: 0 }));
  for (let i = 0; i < rows * columns; i++) {
    const [known, said] = [truth[i] === 1, decided[i] === 1];
    const count = counts[i % columns];
    count.both += Number(known && said);
    count.any += Number(known) + Number(said);
  }
  const f1 = ({ both, any }: { both: number; any: number }): number => (any === 0 ? 0 : (2 * both) / any);
  const perLabel = Float64Array.from(counts, f1);
  const all = counts.reduce((sum, { both, any }) => ({ both: sum.both + both, any: sum.any + any }));
  return { micro: f1(all), macro: perLabel.reduce((sum, value) => sum + value, 0) / columns, perLabel };
}

/**
 * Mean average precision of scores `[N, T]`: over the labels (scikit-learn's `average_precision_score` with
 * `average='macro'`), or over the rows (`average='samples'`). What has no relevant item says nothing and is left out;
 * NaN where nothing is left.
 */
export function meanAveragePrecision(
  truth: ArrayLike<number>,
  scores: ArrayLike<number>,
  size: TableSize,
  over: 'labels' | 'rows' = 'labels',
): number {
  assertSize(truth, size);
  assertSize(scores, size);
  const { rows, columns } = size;
  const [count, length, start, step] = over === 'labels' ? [columns, rows, 1, columns] : [rows, columns, columns, 1];
  let [sum, counted] = [0, 0];
  for (let i = 0; i < count; i++) {
    const lineOf = (table: ArrayLike<number>) => Float64Array.from({ length }, (_, k) => table[i * start + k * step]);
    const relevant = lineOf(truth);
    if (!relevant.includes(1)) continue;
    sum += averagePrecision(lineOf(scores), relevant);
    counted++;
  }
  return sum / counted;
}

function assertSize(table: ArrayLike<number>, { rows, columns }: TableSize): void {
  if (table.length === rows * columns && columns > 0) return;
  throw new RangeError(`expected a table of ${rows} x ${columns} values, got ${table.length}`);
}
