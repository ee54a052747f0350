import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  averageRanks,
  categoryScore,
  classScores,
  confusion,
  level1,
  meanSquaredError,
  rankLabeller,
  rankNormalize,
  spearman,
  type CategoryScore,
  type ClassScore,
  type Confusion,
} from '../src/index.js';

interface RankCase {
  readonly left: number[];
  readonly right: number[];
  readonly ranks: number[];
  /** Nothing where scipy says NaN. */
  readonly spearman: number | null;
  readonly mse: number;
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/finetune.json', import.meta.url), 'utf8')) as {
  ranks: RankCase[];
  f1: {
    truth: string[];
    predicted: string[];
    score: CategoryScore;
    classes: ClassScore[];
    confusionByLevel1: Confusion;
  }[];
};

describe('ranks', () => {
  it.each(fixture.ranks)('equal scipy', ({ left, right, ranks, spearman: expected, mse }) => {
    expect([...averageRanks(right)]).toEqual(ranks);
    if (expected === null) expect(spearman(left, right)).toBeNaN();
    else expect(spearman(left, right)).toBeCloseTo(expected, 12);
    expect(meanSquaredError(left, right) / mse).toBeCloseTo(1, 12);
  });

  it('of labels lie between 0 and 1, ties together', () => {
    expect([...rankNormalize([0.2, 0.9, 0.2, 0.5])]).toEqual([0, 1, 0, 0.6]);
  });

  it('of scores are what the cosine should be, also of scores that training did not have', () => {
    const label = rankLabeller([0, 0.5, 0.5, 1]); // ranks 1, 2.5, 2.5, 4
    expect([-1, 0, 0.25, 0.5, 1, 2, 0.9].map(label)).toEqual([0, 0, 0.25, 0.5, 1, 1, expect.closeTo(0.9, 9)]);
  });

  it('of equal labels are refused, and their correlation is undefined', () => {
    expect(() => rankNormalize([0.5, 0.5])).toThrow('expected scores that differ, got 2 of the same value');
    expect(() => rankNormalize([0.5, NaN])).toThrow('expected scores that are numbers, got NaN at place 1');
    expect(spearman([1, 2, 3], [7, 7, 7])).toBeNaN();
  });
});

describe('categories', () => {
  it.each(fixture.f1)('equal scikit-learn', ({ truth, predicted, score, classes, confusionByLevel1 }) => {
    const actual = categoryScore(truth, predicted);
    expect(confusion(truth.map(level1), predicted.map(level1))).toEqual(confusionByLevel1);
    const close = (value: number): unknown => expect.closeTo(value, 12);
    const expected = classes.map(({ label, precision, recall, f1, support }) => {
      return { label, precision: close(precision), recall: close(recall), f1: close(f1), support };
    });
    expect(classScores(truth, predicted)).toEqual(expected);
    for (const name of Object.keys(score) as (keyof CategoryScore)[]) {
      expect(actual[name], name).toBeCloseTo(score[name], 12);
    }
  });

  it('have a level 1', () => {
    expect(level1('0712')).toBe('07');
    expect(() => level1('712')).toThrow("expected a category of 4 digits, got '712'");
  });

  it('come in equal numbers', () => {
    expect(() => categoryScore(['0001'], [])).toThrow('expected two lists of the same length from 1, got 1 and 0');
  });
});
