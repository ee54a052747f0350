import { describe, expect, it } from 'vitest';
import {
  cosinesOfPairs,
  judgeCosines,
  pairLabeller,
  pairLengths,
  pairSet,
  readPairBatch,
  scoresDiffer,
  splitPairs,
  videosOfPairs,
  type Pair,
} from '../src/index.js';
import { datasetOf } from './dataset.js';

const dataset = datasetOf(Array.from({ length: 11 }, () => undefined));
const pairs: Pair[] = [
  { left: 'v2', right: 'v7', score: 0.5 },
  { left: 'v7', right: 'v3', score: 0.25 },
  { left: 'v10', right: 'v2', score: 1 },
];

describe('pairs of a data set', () => {
  const set = pairSet(pairs, dataset);

  it('are known by the indices of their videos, and as long as the longer one', () => {
    expect([...set.left, ...set.right]).toEqual([2, 7, 10, 7, 3, 2]);
    expect(videosOfPairs(set)).toEqual([2, 7, 10, 3]);
    expect([...pairLengths(set)]).toEqual([8, 8, 11]);
  });

  it('are read with every video once', async () => {
    const { batch, left, right, labels } = await readPairBatch(set, [2, 0], (score) => score / 2);
    expect(batch.ids).toEqual(['v10', 'v2', 'v7']);
    expect([...left, ...right]).toEqual([0, 1, 1, 2]);
    expect([...labels]).toEqual([0.5, 0.25]);
  });

  it('have the cosines of their unit vectors', () => {
    const vectors = new Map([2, 3, 7, 10].map((video) => [video, Float32Array.of(Math.cos(video), Math.sin(video))]));
    const cosines = cosinesOfPairs(set, vectors);
    [5, 4, 8].forEach((angle, i) => expect(cosines[i]).toBeCloseTo(Math.cos(angle), 6));
  });
});

describe('the split of pairs', () => {
  const all = Array.from({ length: 307 }, (_, i) => ({ left: `a${i}`, right: `b${(7 * i) % 307}`, score: i / 307 }));
  const options = { split: 'video-disjoint', folds: null, fold: 0, share: 0.2 } as const;

  it('keeps groups of videos on one side, and those that stand alone where they were', () => {
    const groupOf = (id: string): string => (Number(id.slice(1)) < 100 ? `g${Number(id.slice(1)) >> 2}` : id);
    const sideOf = (given: Partial<Parameters<typeof splitPairs>[1]>): Map<string, string> => {
      const { train, validation } = splitPairs(all, { ...options, ...given });
      const sides = new Map<string, string>();
      for (const { left, right } of train) for (const id of [left, right]) sides.set(id, 'train');
      for (const { left, right } of validation) for (const id of [left, right]) sides.set(id, 'validation');
      return sides;
    };
    for (const given of [{}, { folds: 5, fold: 2 }]) {
      const sides = sideOf({ ...given, groupOf });
      const groups = new Map([...sides].map(([id, side]) => [groupOf(id), side]));
      for (const [id, side] of sides) expect([id, groups.get(groupOf(id))]).toEqual([id, side]);
      const alone = sideOf(given);
      for (const [id, side] of sides) if (groupOf(id) === id && alone.has(id)) expect(alone.get(id)).toBe(side);
    }
  });

  it('is by share, by fold, or the official one', () => {
    const byShare = splitPairs(all, options);
    expect(byShare.validation.length).toBeGreaterThan(3);
    expect(byShare.dropped.length).toBeGreaterThan(50);
    const byFold = splitPairs(all, { ...options, folds: 5, fold: 4 });
    expect(byFold.validation).not.toEqual(byShare.validation);
    const { validation } = splitPairs(all, { ...options, split: 'official' });
    expect(validation.every(({ left, right }) => /[05]$/.test(left) && /[05]$/.test(right))).toBe(true);
  });

  it('is the same at every call', () => {
    expect(splitPairs(all, options)).toEqual(splitPairs(all, options));
  });
});

describe('scores', () => {
  it('differ or do not', () => {
    expect(scoresDiffer(pairs)).toBe(true);
    expect(scoresDiffer(pairs.map((pair) => ({ ...pair, score: 0.5 })))).toBe(false);
  });

  it('are targets as ranks, or as they are', () => {
    const scores = [0.5, 0.25, 1];
    expect(scores.map(pairLabeller(scores, 'rank'))).toEqual([0.5, 0, 1]);
    expect(scores.map(pairLabeller(scores, 'raw'))).toEqual(scores);
  });

  it('are judged beside a constant prediction', () => {
    const judged = judgeCosines(Float64Array.of(0.5, 0.25, 1), Float64Array.of(0.1, 0.2, 0.3), {
      target: (score) => 5 * score, // 0.5, 1, 1.5
      constant: 1,
      baselines: { 'TF-IDF, titles': 0.25, 'frame features': 0.75 },
    });
    expect(judged.spearman).toEqual({
      value: expect.closeTo(0.5, 12),
      baseline: 0.75,
      baselines: { 'TF-IDF, titles': 0.25, 'frame features': 0.75 },
    });
    expect(judged.mse.value).toBeCloseTo((0.75 ** 2 + 0.5 ** 2) / 3, 12);
    expect(judged.mse.baseline).toBeCloseTo(0.5 / 3, 12);
  });
});
