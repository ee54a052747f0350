import { readFileSync } from 'node:fs';
import { randomInt, randomKey } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { stratifiedFolds } from '../src/index.js';

interface Case {
  readonly labels: string[];
  readonly groups: string[];
  readonly k: number;
  /** Of the algorithm without rounding. */
  readonly folds: number[];
  /** Whether scikit-learn's own are the same: that rounding decides nothing. */
  readonly equal: boolean;
  readonly unevenness: number;
}
const cases = JSON.parse(readFileSync(new URL('fixtures/folds.json', import.meta.url), 'utf8')) as Case[];
const key = randomKey(5);

/** The standard deviation over folds of the shares of every class, on average. */
function unevenness(labels: readonly string[], folds: ArrayLike<number>, k: number): number {
  const deviations = [...new Set(labels)].map((label) => {
    const own = labels.flatMap((other, i) => (other === label ? [folds[i]] : []));
    const shares = Array.from({ length: k }, (_, fold) => own.filter((of) => of === fold).length / own.length);
    return Math.sqrt(shares.reduce((sum, share) => sum + (share - 1 / k) ** 2, 0) / k);
  });
  return deviations.reduce((sum, deviation) => sum + deviation, 0) / deviations.length;
}

describe('stratified folds of groups', () => {
  it('are those of scikit-learn', () => {
    expect(cases.filter(({ equal }) => equal).length).toBeGreaterThan(25);
    for (const { labels, groups, k, folds } of cases) {
      expect([...stratifiedFolds(labels, k, undefined, groups)]).toEqual(folds);
    }
  });

  it('divide no group and are as even as those of scikit-learn, in random order too', () => {
    const reached = cases.map(({ labels, groups, k }) => {
      const folds = stratifiedFolds(labels, k, key, groups);
      const of = new Map(groups.map((group, i) => [group, folds[i]]));
      groups.forEach((group, i) => expect(folds[i]).toBe(of.get(group)));
      return unevenness(labels, folds, k);
    });
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(reached)).toBeLessThan(1.1 * mean(cases.map((one) => one.unevenness)));
  });

  it('are those of the samples where each is a group of its own', () => {
    const labels = Array.from({ length: 211 }, (_, i) => `c${randomInt(key, i, 7)}`);
    const groups = labels.map((_, i) => `g${String(i).padStart(3, '0')}`);
    expect(stratifiedFolds(labels, 5, key, groups)).toEqual(stratifiedFolds(labels, 5, key));
  });

  it('are dealt to 20,000 videos of 200 categories in seconds', () => {
    const labels = Array.from({ length: 20_000 }, (_, i) => `c${randomInt(key, i, 200)}`);
    const groups = labels.map((_, i) => `g${Math.floor(i / 2)}`);
    const start = performance.now();
    const folds = stratifiedFolds(labels, 5, key, groups);
    expect(performance.now() - start).toBeLessThan(60_000);
    expect(folds.filter((fold, i) => fold !== folds[i - (i % 2)]).length).toBe(0);
    expect(unevenness(labels, folds, 5)).toBeLessThan(0.005);
  });

  it('refuse more folds than groups', () => {
    expect(() => stratifiedFolds(['a', 'a', 'b'], 3, key, ['1', '1', '2'])).toThrow(
      'expected between 2 and 2 folds for 2 groups of 3 samples, got 3',
    );
  });
});
