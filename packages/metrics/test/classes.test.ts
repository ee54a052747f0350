import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  averageRanks,
  categoryScore,
  classScores,
  confusion,
  level1,
  meanSquaredError,
  pearson,
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
const fixture = JSON.parse(readFileSync(new URL('fixtures/metrics.json', import.meta.url), 'utf8')) as {
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

  it('correlate whatever the scale, as scipy', () => {
    const [left, right] = [
      [1, 2, 3, 5, 4],
      [2, 1, 4, 3, 5],
    ];
    for (const scale of [1, 1e-81, 1e-160, 1e77, 1e155, 1e300]) {
      const scaled = (values: number[]): number[] => values.map((value) => value * scale);
      expect(pearson(scaled(left), scaled(right)), String(scale)).toBeCloseTo(0.6, 12);
    }
  });

  it('of constants have no correlation', () => {
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
