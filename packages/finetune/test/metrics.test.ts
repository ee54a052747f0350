import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  averageRanks,
  categoryScore,
  classScores,
  confusion,
  level1,
  meanSquaredError,
  rankNormalize,
  spearman,
  type CategoryScore,
} from '../src/index.js';

interface RankCase {
  readonly left: number[];
  readonly right: number[];
  readonly ranks: number[];
  readonly spearman: number;
  readonly mse: number;
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/finetune.json', import.meta.url), 'utf8')) as {
  ranks: RankCase[];
  f1: { truth: string[]; predicted: string[]; score: CategoryScore }[];
};

describe('ranks', () => {
  it.each(fixture.ranks)('equal scipy', ({ left, right, ranks, spearman: expected, mse }) => {
    expect([...averageRanks(right)]).toEqual(ranks);
    expect(spearman(left, right)).toBeCloseTo(expected, 12);
    expect(meanSquaredError(left, right)).toBeCloseTo(mse, 12);
  });

  it('of labels lie between 0 and 1, ties together', () => {
    expect([...rankNormalize([0.2, 0.9, 0.2, 0.5])]).toEqual([0, 1, 0, 0.6]);
  });

  it('of equal labels are refused, and their correlation is undefined', () => {
    expect(() => rankNormalize([0.5, 0.5])).toThrow('expected scores that differ, got 2 of the same value');
    expect(spearman([1, 2, 3], [7, 7, 7])).toBeNaN();
  });
});

describe('categories', () => {
  it.each(fixture.f1)('equal scikit-learn', ({ truth, predicted, score }) => {
    const actual = categoryScore(truth, predicted);
    for (const name of Object.keys(score) as (keyof CategoryScore)[]) {
      expect(actual[name], name).toBeCloseTo(score[name], 12);
    }
  });

  it('are scored one by one', () => {
    const scores = classScores(['0001', '0001', '0002'], ['0001', '0003', '0001']);
    expect(scores).toEqual([
      { label: '0001', precision: 0.5, recall: 0.5, f1: 0.5, support: 2 },
      { label: '0002', precision: 0, recall: 0, f1: 0, support: 1 },
      { label: '0003', precision: 0, recall: 0, f1: 0, support: 0 },
    ]);
  });

  it('are counted in a confusion table', () => {
    expect(confusion(['b', 'a', 'b'], ['b', 'b', 'a'])).toEqual({
      labels: ['a', 'b'],
      counts: [
        [0, 1],
        [1, 1],
      ],
    });
  });

  it('have a level 1', () => {
    expect(level1('0712')).toBe('07');
    expect(() => level1('712')).toThrow("expected a category of 4 digits, got '712'");
  });

  it('come in equal numbers', () => {
    expect(() => categoryScore(['0001'], [])).toThrow('expected two lists of the same length from 1, got 1 and 0');
  });
});
