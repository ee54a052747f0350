import { categoryScore, level1, type CategoryScore } from './classes.js';

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
