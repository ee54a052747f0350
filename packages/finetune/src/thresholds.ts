import type { TableSize } from '@wbdc/metrics';

/**
 * For each tag the threshold with the best F1 on probabilities `[N, T]` whose truth is known: half way between the last
 * probability that it takes and the first that it leaves out. A tag that no video has gets the one that is best for all
 * decisions together (micro-F1); without any video all are 1/2.
 *
 * @throws RangeError where something is no number
 */
export function chooseThresholds(
  truth: ArrayLike<number>,
  probabilities: ArrayLike<number>,
  { rows, columns }: TableSize,
): Float64Array {
  const bad = Array.prototype.findIndex.call(probabilities, (value: number) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new RangeError(`expected probabilities, got ${probabilities[bad]} in row ${Math.floor(bad / columns)}`);
  }
  const all = bestThreshold(truth, probabilities) ?? 0.5;
  return Float64Array.from({ length: columns }, (_, k) => {
    const columnOf = (table: ArrayLike<number>) =>
      Float64Array.from({ length: rows }, (_, i) => table[i * columns + k]);
    return bestThreshold(columnOf(truth), columnOf(probabilities)) ?? all;
  });
}

/** The threshold of the best F1; of equals the one that takes fewer. Undefined where nothing is true. */
function bestThreshold(truth: ArrayLike<number>, probabilities: ArrayLike<number>): number | undefined {
  const order = Uint32Array.from({ length: truth.length }, (_, i) => i);
  order.sort((a, b) => probabilities[b] - probabilities[a]);
  const known = Array.prototype.filter.call(truth, (value: number) => value === 1).length;
  if (known === 0) return undefined;
  let [hits, best, threshold] = [0, -1, 0.5];
  for (let taken = 1; taken <= order.length; taken++) {
    const probability = probabilities[order[taken - 1]];
    hits += Number(truth[order[taken - 1]] === 1);
    const next = taken < order.length ? probabilities[order[taken]] : 0;
    if (next === probability && taken < order.length) continue; // equals are taken together
    const f1 = (2 * hits) / (taken + known);
    if (f1 > best) [best, threshold] = [f1, (probability + next) / 2];
  }
  return threshold;
}

/** 1 where a probability `[N, T]` reaches the threshold of its tag. */
export function decideTags(probabilities: ArrayLike<number>, thresholds: ArrayLike<number>): Uint8Array {
  return Uint8Array.from({ length: probabilities.length }, (_, i) =>
    Number(probabilities[i] >= thresholds[i % thresholds.length]),
  );
}
