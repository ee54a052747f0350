import * as tf from '@tensorflow/tfjs';
import { openDataset, type Video } from '@wbdc/data';
import { floats, randomKey } from '@wbdc/nn';
import { Tokenizer, trainVocabulary } from '@wbdc/tokenizer';
import { beforeAll, describe, expect, it } from 'vitest';
import { markVideos, pairRecall, pairSet, rankingSet, readRankingBatch, type PairSet } from '../src/index.js';
import { rankingLoss } from '../src/losses.js';

const idOf = (i: number): string => `1${String(i).padStart(18, '0')}`;
const tokenizer = Tokenizer.fromVocab(trainVocabulary(['猫狗鸟鱼'], { size: 20, minFrequency: 1 }));

/** Videos by their titles; the frame of each is a number of its own where nothing is said. */
async function setOf(
  titles: string[],
  pairs: [number, number, number][],
  shown = titles.map((_, i) => i),
): Promise<PairSet> {
  const videos = titles.map((title, i): Video => ({ id: idOf(i), title, asr: '', ocr: [] }));
  const dataset = await openDataset({
    videos,
    features: {
      width: 2,
      size: videos.length,
      has: () => true,
      read: async (id) => floats([1, 2], Float32Array.of(1, shown[Number(id.slice(1))])),
      close: async () => undefined,
    },
    tokenizer,
    layout: { fields: ['title'], budget: 8, separatorFirst: false },
  });
  return pairSet(
    pairs.map(([left, right, score]) => ({ left: idOf(left), right: idOf(right), score })),
    dataset,
  );
}

/** The loss of a model whose vectors are given by video. */
async function lossOf(pairs: PairSet, vectorOf: (video: number) => number[], indices: number[]): Promise<number> {
  const { batch, left, right, hard, hidden } = await readRankingBatch(rankingSet(pairs), indices);
  const rows = (of: ArrayLike<number>): tf.Tensor2D =>
    tf.tensor2d(Array.from(of, (row) => vectorOf(Number(batch.ids[row].slice(1)))));
  return rankingLoss(rows(left), rows([...right, ...hard!]), hidden).dataSync()[0];
}

/** What a model is given of each video, read one by one: no batch tells equal ones. */
async function marksOf({ dataset }: PairSet) {
  const videos = Array.from({ length: dataset.size }, (_, i) => i);
  return new Map(await Promise.all(videos.map(async (i) => [i, markVideos(await dataset.batch([i]))[0]] as const)));
}

beforeAll(() => tf.setBackend('cpu'));

describe('readRankingBatch', () => {
  it('lets a perfect model reach 0, though some say the same, show the same, or stand in several pairs', async () => {
    // Pairs 0-1 and 2-3 say the same; 4-5 and 6-7 show the same; 8 belongs to 9 and 10; empty titles say nothing.
    const titles = ['猫', '猫', '猫', '猫', '', '', '', '', '狗', '鸟', '鱼'];
    const shown = [0, 1, 2, 3, 9, 9, 9, 9, 4, 5, 6];
    const pairs = await setOf(
      titles,
      [
        [0, 1, 1],
        [2, 3, 1],
        [4, 5, 1],
        [6, 7, 1],
        [8, 9, 1],
        [8, 10, 1],
      ],
      shown,
    );
    const group = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2];
    const perfect = (video: number) => Array.from({ length: 3 }, (_, j) => Number(j === group[video]));
    expect(await lossOf(pairs, perfect, [0, 1, 2, 3, 4, 5])).toBeLessThan(1e-7);
    // One video in another's place costs its pair, and none of the others.
    const other = (video: number) => perfect(video === 3 ? 8 : video);
    expect(await lossOf(pairs, other, [0, 1, 2, 3, 4, 5])).toBeGreaterThan(0.4);
  });

  it('takes pairs of score 0 for hard negatives of their video, and nothing that is a right answer', async () => {
    const pairs = await setOf(
      ['猫', '狗', '鸟', '鱼'],
      [
        [0, 1, 1],
        [0, 2, 0],
        [0, 3, 0],
        [2, 3, 0.5],
        [0, 1, 0],
      ],
    );
    const set = rankingSet(pairs);
    expect([...set.positives.scores]).toEqual([1, 0.5]);
    expect([...set.hard]).toEqual([[0, [2, 3]]]);
    const one = await readRankingBatch(set, [0]);
    expect(one.batch.ids).toEqual([0, 1, 2].map(idOf));
    expect([...one.hard!]).toEqual([2]);
    expect((await readRankingBatch(set, [0], { hardPerPair: 0 })).batch.ids).toHaveLength(2);
    const drawn = await Promise.all(
      Array.from({ length: 12 }, (_, i) => readRankingBatch(set, [0], { key: randomKey(i) })),
    );
    expect(new Set(drawn.map(({ batch }) => batch.ids[2]))).toEqual(new Set([idOf(2), idOf(3)]));
    // A model that takes the hard one for the right one pays for it.
    const axes = (video: number) => (video === 1 ? [0, 1] : [1, 0]);
    expect(await lossOf(pairs, axes, [0])).toBeGreaterThan(15);
  });
});

it('pairRecall is beside chance and shared characters, and partners are no wrong answers', async () => {
  const pairs = await setOf(
    ['猫', '猫狗', '猫鸟', '鱼'],
    [
      [0, 1, 1],
      [0, 2, 1],
      [3, 2, 1],
    ],
  );
  const vectors = new Map([
    [0, [1, 0]],
    [1, [1, 0]],
    [2, [0.9, 0.1]],
    [3, [0, 1]],
  ]);
  const texts = ['猫', '猫狗', '猫鸟', '鱼'];
  const recall = pairRecall(rankingSet(pairs), vectors, (video) => texts[video], await marksOf(pairs));
  expect(recall['recall@1']).toEqual({
    value: 1,
    baseline: 2 / 3,
    baselines: { chance: (1 / 2 + 1 / 2 + 1 / 3) / 3, characters: 2 / 3 },
  });
  expect(recall['recall@5'].value).toBe(1);
});

it('videos that say the same as a partner are no wrong answers for pairRecall', async () => {
  const texts = ['猫', '狗', '狗', '鱼'];
  const pairs = await setOf(texts, [
    [0, 1, 1],
    [3, 2, 1],
  ]);
  const vectors = new Map([0, 1, 2, 3].map((video) => [video, video === 3 ? [0.1, 1] : [1, 0.2]]));
  const recall = pairRecall(rankingSet(pairs), vectors, (video) => texts[video], await marksOf(pairs));
  // Of 0 the wrong answer is 3, of 3 it is 0, which is as near as its partner.
  expect(recall['recall@1']).toMatchObject({ value: 1 / 2, baselines: { chance: 1 / 2 } });
});

it.each([
  ['show the same', ['猫', '狗', '鸟', '鱼'], [0, 7, 7, 3]],
  ['are given the same tokens', ['猫', '狗', '狗', '鱼'], [0, 1, 2, 3]],
])('videos that %s as a partner are no wrong answers for pairRecall, as in training', async (_, titles, shown) => {
  const pairs = await setOf(
    titles,
    [
      [0, 1, 1],
      [3, 2, 1],
    ],
    shown,
  );
  // A model that sees no more than there is: 1 and 2 are one to it, each pair is nearer than the other one.
  const vectors = new Map(
    [0, 1, 2, 3].map((video) => [
      video,
      [
        [1, 0.1],
        [1, 1],
        [1, 1],
        [0.1, 1],
      ][video],
    ]),
  );
  const recall = pairRecall(rankingSet(pairs), vectors, () => '', await marksOf(pairs));
  expect(recall['recall@1']).toMatchObject({ value: 1, baselines: { chance: 1 / 2 } });
});

it('marks are those of a video whatever batch it is in; empty ones say and show nothing', async () => {
  const { dataset } = await setOf(['猫', '猫狗鸟鱼', '', ''], [[0, 1, 1]], [0, -0, 5, 6]);
  const [alone, [, long, ...empty]] = [
    markVideos(await dataset.batch([0])),
    markVideos(await dataset.batch([0, 1, 2, 3])),
  ];
  const together = markVideos(await dataset.batch([1, 0]));
  expect(together).toEqual([long, alone[0]]);
  expect(long.frames).toBe(alone[0].frames); // 0 and -0
  expect(long.text).not.toBe(alone[0].text);
  expect(empty.map(({ text }) => text)).toEqual(['', '']);
  expect(new Set(empty.map(({ frames }) => frames)).size).toBe(2);
});
