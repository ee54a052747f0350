import { gatherValues, single, type Communicator } from '@wbdc/distributed';
import { characterOverlap, besideBaselines, dot, recallBy, recallByChance, type Measured } from '@wbdc/metrics';
import { foldIn, partOf, randomSubset, type Batch, type Key, type Part } from '@wbdc/nn';
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
  /** Where several processes share the batch: what this one reads of it. All must call it for the same batches. */
  readonly part?: Part | undefined;
  readonly communicator?: Communicator | undefined;
}

/**
 * Reads a batch of pairs that find each other. No wrong answer is what would be a right one: the video itself, its
 * partners, and videos that say or show the same as it or its partner. Of several processes each reads the videos of
 * its own pairs and some of the hard negatives, and is told which of the others' say or show the same.
 */
export async function readRankingBatch(
  set: RankingSet,
  indices: readonly number[],
  { hardPerPair = 1, key, part = { index: 0, count: 1 }, communicator = single }: RankingBatchOptions = {},
): Promise<PairBatch> {
  const { dataset, left, right, scores } = set.positives;
  const parts = partsOf(set, indices, { hardPerPair, key, count: part.count });
  const { pairs, hard } = parts[part.index];
  const videos = videosOf(set, [parts[part.index]]);
  const rows = new Map(videos.map((video, row) => [video, row]));
  const batch = await dataset.batch(videos, key);
  const known = await marksOfAll(communicator, videos, markVideos(batch));
  const same = (a: number, b: number): boolean => a === b || alike(known.get(a)!, known.get(b)!);
  const candidates = parts.flatMap((one) => [...one.pairs.map((i) => right[i]), ...one.hard]);
  const first = parts.slice(0, part.index).reduce((sum, one) => sum + one.pairs.length + one.hard.length, 0);
  const hidden = new Float32Array(pairs.length * candidates.length);
  pairs.forEach((i, query) => {
    candidates.forEach((video, candidate) => {
      if (candidate === first + query) return;
      const isRight = same(video, left[i]) || same(video, right[i]) || set.partners.get(left[i])?.has(video);
      if (isRight) hidden[query * candidates.length + candidate] = HIDDEN;
    });
  });
  return {
    batch,
    left: Int32Array.from(pairs, (i) => rows.get(left[i])!),
    right: Int32Array.from(pairs, (i) => rows.get(right[i])!),
    labels: Float32Array.from(pairs, (i) => scores[i]),
    hard: Int32Array.from(hard, (video) => rows.get(video)!),
    hidden,
    ...(communicator.size > 1 && {
      rows: numbersIn(videosOf(set, parts), videos),
      shared: { communicator, first },
    }),
  };
}

/** Where some videos stand among all. */
function numbersIn(all: readonly number[], some: readonly number[]): Int32Array {
  const numbers = new Map(all.map((video, row) => [video, row]));
  return Int32Array.from(some, (video) => numbers.get(video)!);
}

/** What a process reads of a batch: numbers of pairs, and hard negatives that no process before it reads. */
interface RankingPart {
  readonly pairs: readonly number[];
  readonly hard: readonly number[];
}

function partsOf(
  { positives: { left }, hard }: RankingSet,
  indices: readonly number[],
  { hardPerPair, key, count }: Required<Pick<RankingBatchOptions, 'hardPerPair' | 'key'>> & { readonly count: number },
): RankingPart[] {
  const taken = new Set<number>();
  return Array.from({ length: count }, (_, index) => {
    const pairs = Array.from(partOf(indices.length, { index, count }), (i) => indices[i]);
    const wrong = pairs.flatMap((i) => drawn(hard.get(left[i]) ?? [], hardPerPair, key && foldIn(key, String(i))));
    const own = [...new Set(wrong)].filter((video) => !taken.has(video));
    for (const video of own) taken.add(video);
    return { pairs, hard: own };
  });
}

/** The videos of some parts, each once, by index. */
function videosOf({ positives: { left, right } }: RankingSet, parts: readonly RankingPart[]): number[] {
  const pairs = parts.flatMap((part) => part.pairs.flatMap((i) => [left[i], right[i]]));
  return [...new Set([...pairs, ...parts.flatMap(({ hard }) => hard)])];
}

/** As good as nothing behind a softmax, and finite. */
const HIDDEN = -1e9;

function drawn(videos: readonly number[], count: number, key: Key | undefined): readonly number[] {
  if (videos.length <= count || key === undefined) return videos.slice(0, count);
  return Array.from(randomSubset(key, videos.length, count), (i) => videos[i]);
}

/** What a model is given of a video, short enough to be kept of many: equal ones say, or show, the same. */
export interface VideoMarks {
  /** Its tokens; empty where it says nothing. */
  readonly text: string;
  /** A hash of its frames; empty where it shows nothing. */
  readonly frames: string;
}

/** The marks of the videos of a batch, which do not depend on the others in it. */
export function markVideos({ tokens, textMask, spans, frames, frameMask }: Batch): VideoMarks[] {
  const [, length] = tokens.shape;
  const [videos, count, width] = frames.shape;
  return Array.from({ length: videos }, (_, row) => {
    const own = tokens.data.subarray(row * length, (row + 1) * length);
    const shown = Array.from(frameMask.data.subarray(row * count, (row + 1) * count).keys()).filter(
      (frame) => frameMask.data[row * count + frame] === 1,
    );
    const speaks = spans[row].some(({ start, end }) => end > start);
    return {
      text: speaks ? own.filter((_token, i) => textMask.data[row * length + i] === 1).join() : '',
      frames: shown.length === 0 ? '' : hashOf(frames.data, row * count * width, shown, width),
    };
  });
}

/** 64 bits of some rows of values: two FNV-1a hashes of their bits, 0 and -0 alike. */
function hashOf(data: Float32Array, from: number, rows: readonly number[], width: number): string {
  let [one, two] = [0x811c9dc5, 0x01000193 ^ rows.length];
  for (const row of rows) {
    for (let i = 0; i < width; i++) {
      FLOAT[0] = data[from + row * width + i] + 0;
      one = Math.imul(one ^ BITS[0], 0x01000193);
      two = Math.imul((two ^ (BITS[0] >>> 15)) + BITS[0], 0x85ebca6b);
    }
  }
  return `${rows.length}:${one}:${two}`;
}

const FLOAT = new Float32Array(1);
const BITS = new Int32Array(FLOAT.buffer);

/** By their indices, the marks of the videos that all processes have read. */
async function marksOfAll(
  communicator: Communicator,
  videos: readonly number[],
  marks: readonly VideoMarks[],
): Promise<Map<number, VideoMarks>> {
  const own = videos.map((video, row) => [video, marks[row]] as const);
  return new Map((await gatherValues(communicator, own)).flat());
}

/** Whether videos say the same or show the same; what is empty says and shows nothing. */
function alike(a: VideoMarks, b: VideoMarks): boolean {
  return (a.text !== '' && a.text === b.text) || (a.frames !== '' && a.frames === b.frames);
}

const KS = [1, 5, 10] as const;

/**
 * How often a video's partner is among the 1, 5 and 10 most similar of all videos of the pairs, beside chance and
 * beside the characters that their texts share. As in training, further partners of a video, the video itself, and what
 * says or shows the same as it or its partner are no wrong answers.
 *
 * @param marks of the videos, see {@link markVideos}
 */
export function pairRecall(
  { positives: { left, right }, partners }: RankingSet,
  vectors: ReadonlyMap<number, ArrayLike<number>>,
  textOf: (video: number) => string,
  marks: ReadonlyMap<number, VideoMarks>,
): Readonly<Record<'recall@1' | 'recall@5' | 'recall@10', Measured>> {
  const videos = [...new Set([...left, ...right])];
  const rows = new Map(videos.map((video, row) => [video, row]));
  const texts = new Map(videos.map((video) => [video, textOf(video)]));
  const same = (a: number, b: number): boolean =>
    (texts.get(a) === texts.get(b) && texts.get(a) !== '') || alike(marks.get(a)!, marks.get(b)!);
  const isRight = (query: number, item: number): boolean => {
    const [video, other] = [left[query], videos[item]];
    const known = other === video || partners.get(video)?.has(other) === true;
    return known || same(other, video) || same(other, right[query]);
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
