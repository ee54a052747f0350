import { foldIn, permutation, uniform, type Key } from '@wbdc/nn';

/** A labelled pair of videos. */
export interface Pair {
  readonly left: string;
  readonly right: string;
  readonly score: number;
}

export interface PairSplit<P extends Pair = Pair> {
  readonly train: P[];
  readonly validation: P[];
  /** Pairs of one training and one validation video, which neither side may use. */
  readonly dropped: P[];
}

/**
 * AIAC 2021's own split: validation where both ids are multiples of 5. It leaks, because a validation video stands in
 * training pairs too (0.886 locally, 0.836 on the board): kept for comparison, see {@link videoDisjointSplit}.
 */
export function officialPairSplit<P extends Pair>(pairs: readonly P[]): PairSplit<P> {
  const fifth = (id: string): boolean => Number(id.at(-1)) % 5 === 0;
  const validation = pairs.filter(({ left, right }) => fifth(left) && fifth(right));
  const train = pairs.filter(({ left, right }) => !(fifth(left) && fifth(right)));
  return { train, validation, dropped: [] };
}

/** Every video goes to one side; pairs across are dropped. `share` is that of the videos held out. */
export function videoDisjointSplit<P extends Pair>(pairs: readonly P[], share: number, key: Key): PairSplit<P> {
  return splitByVideo(pairs, (id) => uniform(foldIn(key, id), 0) < share);
}

/**
 * Fold `fold` of k: every video belongs to one fold, by chance, so over all folds each is held out once. Pairs of one
 * video inside and one outside are dropped.
 */
export function videoDisjointFold<P extends Pair>(
  pairs: readonly P[],
  { folds, fold }: { readonly folds: number; readonly fold: number },
  key: Key,
): PairSplit<P> {
  if (!(Number.isInteger(folds) && folds >= 2 && Number.isInteger(fold) && fold >= 0 && fold < folds)) {
    throw new RangeError(`expected a fold from 0 of 2 or more folds, got fold ${fold} of ${folds}`);
  }
  return splitByVideo(pairs, (id) => Math.floor(uniform(foldIn(key, id), 0) * folds) === fold);
}

function splitByVideo<P extends Pair>(pairs: readonly P[], heldOut: (id: string) => boolean): PairSplit<P> {
  const split: PairSplit<P> = { train: [], validation: [], dropped: [] };
  for (const pair of pairs) {
    const [left, right] = [heldOut(pair.left), heldOut(pair.right)];
    (left !== right ? split.dropped : left ? split.validation : split.train).push(pair);
  }
  return split;
}

/**
 * Stratified folds: the fold (0..k-1) of every sample, so that each class spreads evenly and folds are of equal size.
 * A class with fewer samples than folds has at most one in a fold: it is missing from some validation sets, and one
 * with a single sample is learned from in every fold but its own, where it cannot be predicted.
 * @throws RangeError when there are fewer samples than folds
 */
export function stratifiedFolds(labels: readonly string[], k: number, key: Key): Int32Array {
  if (!Number.isInteger(k) || k < 2 || k > labels.length) {
    throw new RangeError(`expected between 2 and ${labels.length} folds for ${labels.length} samples, got ${k}`);
  }
  const folds = new Int32Array(labels.length);
  let next = 0;
  for (const label of [...new Set(labels)].sort()) {
    const members = [...labels.keys()].filter((i) => labels[i] === label);
    for (const at of permutation(foldIn(key, label), members.length)) folds[members[at]] = next++ % k;
  }
  return folds;
}
