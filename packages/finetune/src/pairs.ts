import type { Dataset } from '@wbdc/data';
import { dot } from '@wbdc/metrics';
import { foldIn, randomKey, type Key } from '@wbdc/nn';
import { rankLabeller } from './ranks.js';
import type { PairBatch } from './similarity.js';
import {
  officialPairSplit,
  videoDisjointFold,
  videoDisjointSplit,
  type GroupOf,
  type Pair,
  type PairSplit,
} from './splits.js';

/** Labelled pairs of a data set, by the indices of their videos. */
export interface PairSet {
  readonly dataset: Dataset;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** As people gave them. */
  readonly scores: Float64Array;
}

/** Pairs by the indices of their videos, all of which must be in the data set. */
export function pairSet(pairs: readonly Pair[], dataset: Dataset): PairSet {
  const indices = new Map(Array.from({ length: dataset.size }, (_, i) => [dataset.id(i), i]));
  return {
    dataset,
    left: Int32Array.from(pairs, ({ left }) => indices.get(left)!),
    right: Int32Array.from(pairs, ({ right }) => indices.get(right)!),
    scores: Float64Array.from(pairs, ({ score }) => score),
  };
}

export interface PairSplitOptions {
  /** `video-disjoint`: no video on both sides; `official`: AIAC's own rule, by which videos leak. */
  readonly split: 'video-disjoint' | 'official';
  /** Splits the videos into so many folds; null takes `share` instead. */
  readonly folds: number | null;
  /** The fold that validates, from 0. */
  readonly fold: number;
  /** Share of the videos that validate, where there are no folds. */
  readonly share: number;
  /** Videos that stay on one side, such as those of equal frames (see `groupsOf`); the official split knows none. */
  readonly groupOf?: GroupOf;
}

/**
 * Training and validation pairs. The split does not depend on any seed: results compare, and models of several folds
 * make a whole.
 */
export function splitPairs<P extends Pair>(
  pairs: readonly P[],
  { split, folds, fold, share, groupOf }: PairSplitOptions,
): PairSplit<P> {
  if (split === 'official') return officialPairSplit(pairs);
  const key = foldIn(randomKey(0), 'pairs');
  return folds === null
    ? videoDisjointSplit(pairs, share, key, groupOf)
    : videoDisjointFold(pairs, { folds, fold }, key, groupOf);
}

/** Whether scores differ: of constant ones there is nothing to learn, and Spearman is undefined. */
export function scoresDiffer(pairs: readonly Pair[]): boolean {
  return pairs.some(({ score }) => score !== pairs[0].score);
}

/**
 * From a score to the target of the cosine: its rank among the training scores, see {@link rankLabeller}, or itself.
 */
export function pairLabeller(training: ArrayLike<number>, kind: 'rank' | 'raw'): (score: number) => number {
  return kind === 'raw' ? (score) => score : rankLabeller(training);
}

/** Text tokens of every pair's longer video: what batches are bucketed by. */
export function pairLengths({ dataset, left, right }: PairSet): Int32Array {
  return left.map((video, i) => Math.max(dataset.length(video), dataset.length(right[i])));
}

/**
 * Reads a batch of pairs: their videos, each once, and in which rows the two of a pair are. The key draws the frames.
 */
export async function readPairBatch(
  { dataset, left, right, scores }: PairSet,
  indices: readonly number[],
  label: (score: number) => number,
  key?: Key,
): Promise<PairBatch> {
  const videos = videosIn({ left, right }, indices);
  const rows = new Map(videos.map((video, row) => [video, row]));
  return {
    batch: await dataset.batch(videos, key),
    left: Int32Array.from(indices, (i) => rows.get(left[i])!),
    right: Int32Array.from(indices, (i) => rows.get(right[i])!),
    labels: Float32Array.from(indices, (i) => label(scores[i])),
  };
}

/**
 * For the rows of a batch of some pairs ({@link readPairBatch}) their numbers in the batch of all of `all`, of which
 * they are a part.
 */
export function pairRows(pairs: PairSet, some: readonly number[], all: readonly number[]): Int32Array {
  const numbers = new Map(videosIn(pairs, all).map((video, row) => [video, row]));
  return Int32Array.from(videosIn(pairs, some), (video) => numbers.get(video)!);
}

function videosIn({ left, right }: Pick<PairSet, 'left' | 'right'>, indices: readonly number[]): number[] {
  return [...new Set(indices.flatMap((i) => [left[i], right[i]]))];
}

/** The videos of pairs, each once, by index. */
export function videosOfPairs({ left, right }: PairSet): number[] {
  return [...new Set([...left, ...right])];
}

/** Cosine of every pair, from the unit vectors of its videos. */
export function cosinesOfPairs(
  { left, right }: PairSet,
  vectors: ReadonlyMap<number, ArrayLike<number>>,
): Float64Array {
  return Float64Array.from(left, (video, i) => dot(vectors.get(video)!, vectors.get(right[i])!));
}
