import { categoryScore, level1, type CategoryScore } from './classes.js';
import { meanAveragePrecision, multilabelF1, type MultilabelF1, type TableSize } from './multilabel.js';
import { averagePrecision } from './retrieval.js';

/**
 * Spearman of a sample that holds item i `counts[i]` times, without making it: equal to `spearman` of the repeated
 * values. Both sides are sorted once, so that a resample costs two passes.
 */
export function countedSpearman(
  left: ArrayLike<number>,
  right: ArrayLike<number>,
): (counts: ArrayLike<number>) => number {
  if (left.length !== right.length || left.length === 0) {
    throw new RangeError(`expected two lists of the same length from 1, got ${left.length} and ${right.length}`);
  }
  const sides = [left, right].map((side) => Float64Array.from(side));
  const orders = sides.map(orderOf);
  const ranks = sides.map(() => new Float64Array(left.length));
  if (sides.some((side) => side.some(Number.isNaN))) return () => NaN;
  return (counts) => {
    sides.forEach((side, s) => countedRanks(side, orders[s], counts, ranks[s]));
    return countedPearson(ranks[0], ranks[1], counts);
  };
}

function orderOf(values: Float64Array): Uint32Array {
  return Uint32Array.from(values.keys()).sort((a, b) => (values[a] < values[b] ? -1 : Number(values[a] > values[b])));
}

/** Average ranks of the repeated values, into `ranks`. */
function countedRanks(values: Float64Array, order: Uint32Array, counts: ArrayLike<number>, ranks: Float64Array): void {
  let before = 0;
  for (let from = 0; from < order.length;) {
    let [to, many] = [from, 0];
    for (; to < order.length && values[order[to]] === values[order[from]]; to++) many += counts[order[to]];
    const rank = before + (many + 1) / 2;
    for (let i = from; i < to; i++) ranks[order[i]] = rank;
    before += many;
    from = to;
  }
}

/** `pearson` of repeated values that are small enough to be squared as they are, such as ranks. */
function countedPearson(x: Float64Array, y: Float64Array, counts: ArrayLike<number>): number {
  let [total, sumX, sumY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    total += counts[i];
    sumX += counts[i] * x[i];
    sumY += counts[i] * y[i];
  }
  const [meanX, meanY] = [sumX / total, sumY / total];
  let [both, squareX, squareY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i] - meanX, y[i] - meanY];
    both += counts[i] * a * b;
    squareX += counts[i] * a * a;
    squareY += counts[i] * b * b;
  }
  // Ranks are halves of whole numbers: what is left of equal ones is rounding.
  if (!(squareX > 1e-9 * total && squareY > 1e-9 * total)) return NaN;
  return Math.max(-1, Math.min(1, both / Math.sqrt(squareX * squareY)));
}

/** WBDC's score and its four parts of a sample that holds video i `counts[i]` times. */
export function countedCategoryScore(
  truth: readonly string[],
  predicted: readonly string[],
): (counts: ArrayLike<number>) => CategoryScore {
  categoryScore(truth, predicted); // the same refusals
  const coarse = countedF1(truth.map(level1), predicted.map(level1));
  const fine = countedF1(truth, predicted);
  return (counts) => {
    const [one, two] = [coarse(counts), fine(counts)];
    const parts = {
      level1Micro: one.micro,
      level1Macro: one.macro,
      level2Micro: two.micro,
      level2Macro: two.macro,
    };
    return { mean: Object.values(parts).reduce((sum, part) => sum + part, 0) / 4, ...parts };
  };
}

/** Micro- and macro-F1, over the labels that occur in a sample. */
function countedF1(truth: readonly string[], predicted: readonly string[]) {
  const labels = new Map([...new Set([...truth, ...predicted])].sort().map((label, i) => [label, i]));
  const [right, said] = [truth, predicted].map((list) => Uint32Array.from(list, (label) => labels.get(label)!));
  const [all, hits] = [new Float64Array(labels.size), new Float64Array(labels.size)];
  return (counts: ArrayLike<number>): { micro: number; macro: number } => {
    all.fill(0);
    hits.fill(0);
    let [total, found] = [0, 0];
    for (let i = 0; i < right.length; i++) {
      const count = counts[i];
      total += count;
      all[right[i]] += count;
      all[said[i]] += count;
      if (right[i] !== said[i]) continue;
      hits[right[i]] += count;
      found += count;
    }
    let [sum, occur] = [0, 0];
    for (let label = 0; label < all.length; label++) {
      if (all[label] === 0) continue;
      occur++;
      sum += (2 * hits[label]) / all[label];
    }
    return { micro: found / total, macro: sum / occur };
  };
}

/**
 * `meanAveragePrecision` of scores `[N, T]`, over the labels and over the rows, of a sample that holds row i
 * `counts[i]` times. Each label is sorted once, as far as its last relevant row.
 */
export function countedAveragePrecision(
  truth: ArrayLike<number>,
  scores: ArrayLike<number>,
  size: TableSize,
): (counts: ArrayLike<number>) => Record<'labels' | 'rows', number> {
  meanAveragePrecision(truth, scores, size); // the same refusals
  const { rows, columns } = size;
  const column = (table: ArrayLike<number>, k: number) =>
    Float64Array.from({ length: rows }, (_, i) => table[i * columns + k]);
  const labels = Array.from({ length: columns }, (_, k) => k)
    .map((k) => ranked(column(scores, k), column(truth, k)))
    .filter(({ order }) => order.length > 0);
  const row = (table: ArrayLike<number>, i: number) =>
    Float64Array.from({ length: columns }, (_, k) => table[i * columns + k]);
  const ofRows = Array.from({ length: rows }, (_, i) => averagePrecision(row(scores, i), row(truth, i)));
  if (Array.prototype.some.call(scores, Number.isNaN)) return () => ({ labels: NaN, rows: NaN });
  return (drawn) => {
    const counts = Float64Array.from(drawn);
    let [sum, occur] = [0, 0];
    for (const label of labels) {
      const precision = countedPrecision(label, counts);
      if (precision === undefined) continue;
      sum += precision;
      occur++;
    }
    let [over, total] = [0, 0];
    ofRows.forEach((precision, i) => {
      if (Number.isNaN(precision) || counts[i] === 0) return;
      over += counts[i] * precision;
      total += counts[i];
    });
    return { labels: sum / occur, rows: over / total };
  };
}

/** Items by their scores, highest first, in groups that end with the last of equal scores of a relevant item. */
interface Ranked {
  readonly order: Uint32Array;
  /** The relevant ones, in that order. */
  readonly relevant: Uint32Array;
  /** Where each group ends in both. */
  readonly ends: readonly { readonly order: number; readonly relevant: number }[];
}

function ranked(scores: Float64Array, truth: Float64Array): Ranked {
  const order = orderOf(scores).reverse();
  const relevant: number[] = [];
  const ends: Ranked['ends'][number][] = [];
  let before = 0;
  order.forEach((item, k) => {
    if (truth[item] === 1) relevant.push(item);
    if (scores[item] === scores[order[k + 1]] || relevant.length === before) return;
    before = relevant.length;
    ends.push({ order: k + 1, relevant: before });
  });
  return { order: order.slice(0, ends.at(-1)?.order ?? 0), relevant: Uint32Array.from(relevant), ends };
}

/** `averagePrecision` of the repeated items; nothing where the sample holds no relevant one. */
function countedPrecision({ order, relevant, ends }: Ranked, counts: Float64Array): number | undefined {
  let hits = 0;
  let sum = 0;
  let seen = 0;
  let from = { order: 0, relevant: 0 };
  for (const end of ends) {
    seen += sumOf(counts, order, from.order, end.order);
    const found = sumOf(counts, relevant, from.relevant, end.relevant);
    from = end;
    hits += found;
    if (found > 0) sum += (found * hits) / seen;
  }
  return hits === 0 ? undefined : sum / hits;
}

/** Of some items; where a bootstrap spends its time: variables that are not destructured stay in registers. */
function sumOf(counts: Float64Array, items: Uint32Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += counts[items[i]];
  return sum;
}

/** `multilabelF1` of decisions `[N, T]`, of a sample that holds row i `counts[i]` times. */
export function countedMultilabelF1(
  truth: ArrayLike<number>,
  decided: ArrayLike<number>,
  size: TableSize,
): (counts: ArrayLike<number>) => Omit<MultilabelF1, 'perLabel'> {
  multilabelF1(truth, decided, size); // the same refusals
  const { rows, columns } = size;
  const cells = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (__, k) => k).filter((k) => truth[i * columns + k] + decided[i * columns + k] > 0),
  );
  const [both, any] = [new Float64Array(columns), new Float64Array(columns)];
  return (counts) => {
    both.fill(0);
    any.fill(0);
    let [allBoth, allAny] = [0, 0];
    cells.forEach((labels, i) => {
      const count = counts[i];
      if (count === 0) return;
      for (const k of labels) {
        const [known, said] = [truth[i * columns + k], decided[i * columns + k]];
        both[k] += count * known * said;
        any[k] += count * (known + said);
        allBoth += count * known * said;
        allAny += count * (known + said);
      }
    });
    const macro = both.reduce((sum, hits, k) => sum + (any[k] === 0 ? 0 : (2 * hits) / any[k]), 0) / columns;
    return { micro: allAny === 0 ? 0 : (2 * allBoth) / allAny, macro };
  };
}
