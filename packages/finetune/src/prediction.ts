import { largestInRows } from './labels.js';

/**
 * Rare-class correction of predicted probabilities, in place and without renormalising: `p_c (10 / count_c + 1)`, worth
 * 0.3 to 0.6 points of macro-F1 to other teams. `counts` are the training samples of each class; one without any counts
 * as one.
 */
export function favourRareClasses(
  probabilities: Float32Array | Float64Array,
  counts: ArrayLike<number>,
  strength = 10,
): void {
  for (let i = 0; i < probabilities.length; i++) {
    probabilities[i] *= strength / Math.max(1, counts[i % counts.length]) + 1;
  }
}

/** Rare classes are favoured at prediction; strength 0 leaves the probabilities as they are. */
export interface RareClasses {
  readonly counts: ArrayLike<number>;
  readonly strength: number;
}

/**
 * The most probable class of every row `[N, C]`, by name; of equals the first.
 * @throws RangeError where a row holds a NaN, which no class is the largest of
 */
export function chooseClasses(
  probabilities: Float32Array | Float64Array,
  classes: readonly string[],
  rare?: RareClasses,
): string[] {
  const bad = probabilities.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const row = Math.floor(bad / classes.length);
    throw new RangeError(`expected probabilities, got ${probabilities[bad]} in row ${row}`);
  }
  const corrected = probabilities.slice();
  if (rare !== undefined && rare.strength > 0) favourRareClasses(corrected, rare.counts, rare.strength);
  return Array.from(largestInRows(corrected, classes.length), (index) => classes[index]);
}

/** How many samples each class has. */
export function countClasses(labels: readonly string[], classes: readonly string[]): Int32Array {
  const indices = new Map(classes.map((name, index) => [name, index]));
  const counts = new Int32Array(classes.length);
  for (const label of labels) {
    const index = indices.get(label);
    if (index === undefined)
      throw new RangeError(`expected labels among the ${classes.length} classes, got '${label}'`);
    counts[index]++;
  }
  return counts;
}
