import { foldIn, uniform, type Key } from '@wbdc/nn';

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

/** The group of a video, by its id: videos of one group stay on one side. */
export type GroupOf = (id: string) => string;

const ownGroup: GroupOf = (id) => id;

/**
 * Every group of videos goes to one side, by chance; pairs across are dropped. `share` is that of the groups held out.
 *
 * @param groupOf each video is its own group where nothing is given
 */
export function videoDisjointSplit<P extends Pair>(
  pairs: readonly P[],
  share: number,
  key: Key,
  groupOf: GroupOf = ownGroup,
): PairSplit<P> {
  return splitByVideo(pairs, (id) => uniform(foldIn(key, groupOf(id)), 0) < share);
}

/**
 * Fold `fold` of k: every group of videos belongs to one fold, by chance, so over all folds each is held out once.
 * Pairs of one video inside and one outside are dropped.
 *
 * @param groupOf each video is its own group where nothing is given
 */
export function videoDisjointFold<P extends Pair>(
  pairs: readonly P[],
  { folds, fold }: { readonly folds: number; readonly fold: number },
  key: Key,
  groupOf: GroupOf = ownGroup,
): PairSplit<P> {
  if (!(Number.isInteger(folds) && folds >= 2 && Number.isInteger(fold) && fold >= 0 && fold < folds)) {
    throw new RangeError(`expected a fold from 0 of 2 or more folds, got fold ${fold} of ${folds}`);
  }
  return splitByVideo(pairs, (id) => Math.floor(uniform(foldIn(key, groupOf(id)), 0) * folds) === fold);
}

function splitByVideo<P extends Pair>(pairs: readonly P[], heldOut: (id: string) => boolean): PairSplit<P> {
  const split: PairSplit<P> = { train: [], validation: [], dropped: [] };
  for (const pair of pairs) {
    const [left, right] = [heldOut(pair.left), heldOut(pair.right)];
    (left !== right ? split.dropped : left ? split.validation : split.train).push(pair);
  }
  return split;
}
