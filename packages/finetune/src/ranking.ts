import { characterOverlap, besideBaselines, dot, recallBy, recallByChance, type Measured } from '@wbdc/metrics';
import { foldIn, groupFrames, groupRows, randomSubset, rowsIn, type Batch, type Key } from '@wbdc/nn';
import type { PairSet } from './pairs.js';
import type { PairBatch } from './similarity.js';

/** Pairs that belong together, and wrong answers that are hard to tell from right ones. */
export interface RankingSet {
  /** Those of a score above 0: a click, or any that people gave. */
  readonly positives: PairSet;
  /** By a video, those that it stands in a pair of score 0 with: what was mined, or shown and not clicked. */
  readonly hard: ReadonlyMap<number, readonly number[]>;
  /** By a video, those that it stands in another pair with. */
  readonly partners: ReadonlyMap<number, ReadonlySet<number>>;
}

/** Pairs as a ranking loss takes them. */
export function rankingSet({ dataset, left, right, scores }: PairSet): RankingSet {
  const kept = [...scores.keys()].filter((i) => scores[i] > 0);
  const positives = {
    dataset,
    left: Int32Array.from(kept, (i) => left[i]),
    right: Int32Array.from(kept, (i) => right[i]),
    scores: Float64Array.from(kept, (i) => scores[i]),
  };
  const partners = new Map<number, Set<number>>();
  const hard = new Map<number, number[]>();
  kept.forEach((i) => {
    partners.set(left[i], (partners.get(left[i]) ?? new Set()).add(right[i]));
    partners.set(right[i], (partners.get(right[i]) ?? new Set()).add(left[i]));
  });
  scores.forEach((score, i) => {
    if (score > 0 || partners.get(left[i])?.has(right[i])) return;
    hard.set(left[i], [...(hard.get(left[i]) ?? []), right[i]]);
  });
  return { positives, hard, partners };
}

export interface RankingBatchOptions {
  /** Hard negatives of each pair, drawn among those that it has; 1. */
  readonly hardPerPair?: number;
  readonly key?: Key | undefined;
}

/**
 * Reads a batch of pairs that find each other. No wrong answer is what would be a right one: the video itself, its
 * partners, and videos that say or show the same as it or its partner.
 */
export async function readRankingBatch(
  { positives: { dataset, left, right, scores }, hard, partners }: RankingSet,
  indices: readonly number[],
  { hardPerPair = 1, key }: RankingBatchOptions = {},
): Promise<PairBatch> {
  const wrong = indices.flatMap((i) => drawn(hard.get(left[i]) ?? [], hardPerPair, key && foldIn(key, String(i))));
  const others = [...new Set(wrong)];
  const videos = [...new Set([...indices.flatMap((i) => [left[i], right[i]]), ...others])];
  const rows = new Map(videos.map((video, row) => [video, row]));
  const batch = await dataset.batch(videos, key);
  const candidates = [...indices.map((i) => right[i]), ...others];
  const same = sameVideos(batch);
  const hidden = new Float32Array(indices.length * candidates.length);
  indices.forEach((i, query) => {
    const [own, answer] = [rows.get(left[i])!, rows.get(right[i])!];
    candidates.forEach((video, candidate) => {
      if (candidate === query) return;
      const row = rows.get(video)!;
      const right = same(row, own) || same(row, answer) || partners.get(left[i])?.has(video);
      if (right) hidden[query * candidates.length + candidate] = HIDDEN;
    });
  });
  return {
    batch,
    left: Int32Array.from(indices, (i) => rows.get(left[i])!),
    right: Int32Array.from(indices, (i) => rows.get(right[i])!),
    labels: Float32Array.from(indices, (i) => scores[i]),
    hard: Int32Array.from(others, (video) => rows.get(video)!),
    hidden,
  };
}

/** As good as nothing behind a softmax, and finite. */
const HIDDEN = -1e9;

function drawn(videos: readonly number[], count: number, key: Key | undefined): readonly number[] {
  if (videos.length <= count || key === undefined) return videos.slice(0, count);
  return Array.from(randomSubset(key, videos.length, count), (i) => videos[i]);
}

/** Whether two rows of a batch are one video, say the same or show the same; what is empty says and shows nothing. */
function sameVideos(batch: Batch): (a: number, b: number) => boolean {
  const texts = groupRows(rowsIn(batch.tokens.data, batch.tokens.shape[1]));
  const frames = groupFrames(batch);
  const speaks = (row: number): boolean => batch.spans[row].some(({ start, end }) => end > start);
  const [, count] = batch.frameMask.shape;
  const shows = (row: number): boolean => batch.frameMask.data.subarray(row * count, (row + 1) * count).includes(1);
  return (a, b) =>
    a === b || (texts[a] === texts[b] && speaks(a) && speaks(b)) || (frames[a] === frames[b] && shows(a) && shows(b));
}

const KS = [1, 5, 10] as const;

/**
 * How often a video's partner is among the 1, 5 and 10 most similar of all videos of the pairs, beside chance and
 * beside the characters that their texts share. Further partners of a video, the video itself, and what says the same
 * as it or its partner are no wrong answers.
 */
export function pairRecall(
  { positives: { left, right }, partners }: RankingSet,
  vectors: ReadonlyMap<number, ArrayLike<number>>,
  textOf: (video: number) => string,
): Readonly<Record<'recall@1' | 'recall@5' | 'recall@10', Measured>> {
  const videos = [...new Set([...left, ...right])];
  const rows = new Map(videos.map((video, row) => [video, row]));
  const texts = new Map(videos.map((video) => [video, textOf(video)]));
  const sayTheSame = (a: number, b: number): boolean => texts.get(a) === texts.get(b) && texts.get(a) !== '';
  const isRight = (query: number, item: number): boolean => {
    const [video, other] = [left[query], videos[item]];
    const known = other === video || partners.get(video)?.has(other) === true;
    return known || sayTheSame(other, video) || sayTheSame(other, right[query]);
  };
  const own = (query: number): number => rows.get(right[query])!;
  const question = { queries: left.length, items: videos.length, own, isRight };
  const recall = (score: (a: number, b: number) => number): number[] =>
    recallBy({ ...question, score: (query, item) => score(left[query], videos[item]) }, KS);
  const reached = recall((a, b) => dot(vectors.get(a)!, vectors.get(b)!));
  const characters = recall((a, b) => characterOverlap(texts.get(a)!, texts.get(b)!));
  const chances = recallByChance(question, KS);
  const measured = KS.map((k, i) => [
    `recall@${k}`,
    besideBaselines(reached[i], { chance: chances[i], characters: characters[i] }),
  ]);
  return Object.fromEntries(measured) as Readonly<Record<'recall@1' | 'recall@5' | 'recall@10', Measured>>;
}
