import { randomInt, randomKey } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { officialPairSplit, stratifiedFolds, videoDisjointFold, videoDisjointSplit } from '../src/index.js';

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

describe('folds of pairs', () => {
  const folds = [0, 1, 2].map((fold) => videoDisjointFold(pairs, { folds: 3, fold }, key));

  it('hold every video out once, and learn from none that they hold out', () => {
    const held = folds.map(({ validation }) => new Set(validation.flatMap(({ left, right }) => [left, right])));
    folds.forEach(({ train, validation, dropped }, fold) => {
      expect(train.some(({ left, right }) => held[fold].has(left) || held[fold].has(right))).toBe(false);
      expect(train.length + validation.length + dropped.length).toBe(pairs.length);
      expect(validation.length).toBeGreaterThan(300);
    });
    const all = held.flatMap((ids) => [...ids]);
    expect(new Set(all).size).toBe(all.length);
  });

  it('refuse a fold that there is not', () => {
    const run = (of: number, fold: number) => () => videoDisjointFold(pairs, { folds: of, fold }, key);
    expect(run(3, 3)).toThrow('expected a fold from 0 of 2 or more folds, got fold 3 of 3');
    expect(run(1, 0)).toThrow('got fold 0 of 1');
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

  it('hold a single sample out in one fold, where nothing of its class is learned from', () => {
    const all = [...labels, 'lone', 'pair', 'pair'];
    const folds = stratifiedFolds(all, 5, key);
    const of = (label: string): number[] => [...all.keys()].filter((i) => all[i] === label).map((i) => folds[i]);
    expect(of('lone')).toHaveLength(1);
    expect(new Set(of('pair')).size).toBe(2);
  });

  it('refuse more folds than samples', () => {
    expect(() => stratifiedFolds(['0001'], 2, key)).toThrow('expected between 2 and 1 folds for 1 samples, got 2');
  });
});
