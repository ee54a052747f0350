import { randomInt, randomKey } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { officialPairSplit, stratifiedFolds, videoDisjointSplit } from '../src/index.js';

const key = randomKey(5);
const pairs = Array.from({ length: 5003 }, (_, i) => ({
  left: `23457${randomInt(key, 3 * i, 997)}`,
  right: `23457${randomInt(key, 3 * i + 1, 997)}`,
  score: randomInt(key, 3 * i + 2, 21) / 20,
}));

describe('pairs', () => {
  it('split officially by the last digit of both ids', () => {
    const { train, validation } = officialPairSplit(pairs);
    expect(train.length + validation.length).toBe(pairs.length);
    expect(validation.every(({ left, right }) => /[05]$/.test(left) && /[05]$/.test(right))).toBe(true);
    expect(validation.length / pairs.length).toBeCloseTo(0.04, 1);
  });

  it('split so that no video stands on both sides', () => {
    const { train, validation, dropped } = videoDisjointSplit(pairs, 0.2, key);
    const known = new Set(train.flatMap(({ left, right }) => [left, right]));
    expect(validation.some(({ left, right }) => known.has(left) || known.has(right))).toBe(false);
    expect(train.length + validation.length + dropped.length).toBe(pairs.length);
    expect(validation.length).toBeGreaterThan(50);
  });
});

describe('folds', () => {
  const labels = Array.from({ length: 1009 }, (_, i) => `${randomInt(key, i, 7)}`.padStart(4, '0'));

  it('spread every class evenly and are of equal size', () => {
    const folds = stratifiedFolds([...labels, 'lone'], 5, key);
    for (const label of new Set(labels)) {
      const sizes = [0, 1, 2, 3, 4].map((fold) => labels.filter((l, i) => l === label && folds[i] === fold).length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
    const totals = [0, 1, 2, 3, 4].map((fold) => folds.filter((f) => f === fold).length);
    expect(Math.max(...totals) - Math.min(...totals)).toBeLessThanOrEqual(1);
  });

  it('refuse more folds than samples', () => {
    expect(() => stratifiedFolds(['0001'], 2, key)).toThrow('expected between 2 and 1 folds for 1 samples, got 2');
  });
});
