import { foldIn, permutation, type Key } from '@wbdc/nn';

/**
 * The fold (0 to k - 1) of every sample: no group is divided, and every class spreads as evenly as whole groups allow,
 * by the algorithm of scikit-learn's `StratifiedGroupKFold`. Groups with the most uneven classes come first; each goes
 * to the fold with which the shares of the classes differ least between folds (their standard deviation over folds,
 * averaged over classes), the smallest of those that are as good. A class with fewer groups than folds is missing from
 * some validation sets, and one of a single group is learned from in every fold but its own, where it cannot be
 * predicted.
 *
 * @param key draws the order in which groups of equal spread are dealt; without it that of their sorted names, as
 *   scikit-learn does with `shuffle=False`
 * @param groups the group of every sample; each is its own where nothing is given
 * @throws RangeError when there are fewer groups than folds
 */
export function stratifiedFolds(
  labels: readonly string[],
  k: number,
  key?: Key,
  groups?: readonly string[],
): Int32Array {
  const members = groupMembers(labels, groups);
  if (!Number.isInteger(k) || k < 2 || k > members.length) {
    const noun = groups === undefined ? 'samples' : `groups of ${labels.length} samples`;
    throw new RangeError(`expected between 2 and ${members.length} folds for ${members.length} ${noun}, got ${k}`);
  }
  const classes = [...new Set(labels)].sort();
  const indexOf = new Map(classes.map((label, i) => [label, i]));
  const labelIndices = Int32Array.from(labels, (label) => indexOf.get(label)!);
  const table = new ClassShares(labelIndices, classes.length, k);
  const folds = new Int32Array(labels.length);
  for (const group of dealingOrder(members, labels, classes, key)) {
    const fold = table.deal(countClasses(group, labelIndices), group.length);
    for (const sample of group) folds[sample] = fold;
  }
  return folds;
}

/** Indices of the samples of every group, groups in the order of their names; of samples alone in their own. */
function groupMembers(labels: readonly string[], groups: readonly string[] | undefined): number[][] {
  if (groups === undefined) return labels.map((_, i) => [i]);
  const members = new Map<string, number[]>();
  groups.forEach((group, i) => {
    const known = members.get(group);
    if (known) known.push(i);
    else members.set(group, [i]);
  });
  return [...members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, samples]) => samples);
}

/** The most uneven classes first; groups that are as uneven as each other in random order, class by class. */
function dealingOrder(
  members: readonly number[][],
  labels: readonly string[],
  classes: readonly string[],
  key: Key | undefined,
): readonly number[][] {
  const ordered = key === undefined ? members : shuffledByClass(members, labels, classes, key);
  const spread = new Map(ordered.map((group) => [group, spreadOf(group, labels, classes.length)]));
  return [...ordered].sort((a, b) => spread.get(b)! - spread.get(a)!);
}

function shuffledByClass(
  members: readonly number[][],
  labels: readonly string[],
  classes: readonly string[],
  key: Key,
): number[][] {
  return classes.flatMap((label) => {
    const own = members.filter(([first]) => labels[first] === label);
    return Array.from(permutation(foldIn(key, label), own.length), (i) => own[i]);
  });
}

/** The variance of a group's counts over the classes, times the square of their number: it orders as its root does. */
function spreadOf(group: readonly number[], labels: readonly string[], classes: number): number {
  const counts = new Map<string, number>();
  for (const sample of group) counts.set(labels[sample], (counts.get(labels[sample]) ?? 0) + 1);
  const squares = [...counts.values()].reduce((sum, count) => sum + count ** 2, 0);
  return squares * classes - group.length ** 2;
}

/** Counts of a group by class, of the classes that occur in it. */
function countClasses(group: readonly number[], labelIndices: Int32Array): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const sample of group) counts.set(labelIndices[sample], (counts.get(labelIndices[sample]) ?? 0) + 1);
  return counts;
}

/** Relative difference of two sums of the same numbers in another order. */
const ROUNDING = 1e-12;

/** How the samples that are dealt already spread over folds. */
class ClassShares {
  /** Samples of a class in a fold, fold by fold for every class. */
  private readonly counts: Float64Array;
  /** Of every class its standard deviation over folds. */
  private readonly deviations: Float64Array;
  private readonly totals: Float64Array;
  private readonly sizes: Float64Array;

  constructor(
    labelIndices: Int32Array,
    private readonly classes: number,
    private readonly folds: number,
  ) {
    this.counts = new Float64Array(classes * folds);
    this.deviations = new Float64Array(classes);
    this.sizes = new Float64Array(folds);
    this.totals = new Float64Array(classes);
    for (const label of labelIndices) this.totals[label]++;
  }

  /** Puts a group into the best fold and gives its number. */
  deal(group: ReadonlyMap<number, number>, size: number): number {
    const others = this.deviationOfOthers(group);
    let [best, least, smallest] = [-1, Infinity, Infinity];
    for (let fold = 0; fold < this.folds; fold++) {
      let sum = others;
      for (const [label, count] of group) sum += this.deviationWith(label, fold, count);
      const mean = sum / this.classes;
      if (!isBetter(mean, least) && !(isClose(mean, least) && this.sizes[fold] < smallest)) continue;
      [best, least, smallest] = [fold, mean, this.sizes[fold]];
    }
    this.sizes[best] += size;
    for (const [label, count] of group) {
      this.deviations[label] = this.deviationWith(label, best, count);
      this.counts[label * this.folds + best] += count;
    }
    return best;
  }

  private deviationOfOthers(group: ReadonlyMap<number, number>): number {
    return this.deviations.reduce((sum, deviation, label) => (group.has(label) ? sum : sum + deviation), 0);
  }

  /** Of the shares of a class in the folds, were so many samples more in one of them. */
  private deviationWith(label: number, fold: number, more: number): number {
    const [start, total] = [label * this.folds, this.totals[label]];
    const share = (i: number): number => (this.counts[start + i] + (i === fold ? more : 0)) / total;
    let [sum, squares] = [0, 0];
    for (let i = 0; i < this.folds; i++) sum += share(i);
    for (let i = 0; i < this.folds; i++) squares += (share(i) - sum / this.folds) ** 2;
    return Math.sqrt(squares / this.folds);
  }
}

function isBetter(mean: number, least: number): boolean {
  return mean < least - ROUNDING * mean;
}

/** `numpy.isclose`, by which scikit-learn finds two folds as good as each other. */
function isClose(mean: number, least: number): boolean {
  return Math.abs(mean - least) <= 1e-8 + 1e-5 * Math.abs(least);
}
