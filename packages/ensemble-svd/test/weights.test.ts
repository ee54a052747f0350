import { describe, expect, test } from 'vitest';
import { averageRanks, pearson, spearman } from '@wbdc/metrics';
import { pairCosines, searchWeights, type Embeddings, type Pair } from '@wbdc/ensemble-svd';
import fixture from './fixtures/svd.json' with { type: 'json' };
import { ids, models, noise } from './noise.js';

describe('Spearman, as scipy', () => {
  const ties = noise(7, 41).map((x) => Math.floor(x * 8));
  test('equal values share the average of their ranks', () => {
    expect([...averageRanks(Float64Array.of(3, 1, 3, 2, 3))]).toEqual([4, 1, 4, 2, 4]);
  });
  test('ties on one side and on both', () => {
    expect(spearman(ties, noise(8, 41))).toBeCloseTo(fixture.spearman, 12);
    expect(
      spearman(
        ties,
        noise(9, 41).map((x) => Math.floor(x * 6)),
      ),
    ).toBeCloseTo(fixture.spearmanOfTies, 12);
  });
  test('constant, or not a number: undefined', () => {
    expect(spearman(ties, new Float64Array(41))).toBeNaN();
    expect(pearson([1, 2, 3], [0.1, 0.1, 0.1])).toBeNaN();
    expect(spearman([1, 2, 3], [1, NaN, 3])).toBeNaN();
    expect(spearman([5], [7])).toBeNaN();
  });
  test('infinite values have an order', () => {
    expect([...averageRanks([Infinity, 0, -Infinity, Infinity])]).toEqual([3.5, 2, 1, 3.5]);
  });
  test('of unequal lists: refused', () => {
    expect(() => spearman([1, 2], [1])).toThrow('expected two lists of the same length from 1, got 2 and 1');
  });
});

/** Models that see a hidden embedding with more or less noise. */
function noisy(levels: number[]): { members: Embeddings[]; pairs: Pair[] } {
  const [rows, width] = [211, 13];
  const hidden = noise(3, rows * width);
  const members = levels.map((level, m) => {
    const error = noise(50 + m, rows * width);
    return { name: `m${m}`, ids: ids(rows), width, values: hidden.map((x, i) => x + level * error[i]) };
  });
  const cosine = (a: number, b: number) => {
    const row = (r: number) => hidden.subarray(r * width, (r + 1) * width);
    const inner = (x: Float64Array, y: Float64Array) => x.reduce((sum, value, i) => sum + value * y[i], 0);
    return inner(row(a), row(b)) / Math.sqrt(inner(row(a), row(a)) * inner(row(b), row(b)));
  };
  const pairs = Array.from({ length: 499 }, (_, p) => {
    const [a, b] = [p % rows, (p * 7 + 1 + Math.floor(p / rows)) % rows];
    return { id1: `v${a}`, id2: `v${b}`, score: Math.round(cosine(a, b) * 20) / 20 };
  });
  return { members, pairs };
}

test('better models get more weight; the ensemble beats every model and equal weights', () => {
  const { members, pairs } = noisy([0.5, 0.8, 2.5]);
  const found = searchWeights(members, pairs);
  expect(found.weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 12);
  expect(found.weights[0]).toBeGreaterThan(found.weights[1]);
  expect(found.weights[1]).toBeGreaterThan(found.weights[2]);
  expect(found.spearman).toBeGreaterThan(Math.max(...found.single));
  expect(found.spearman).toBeGreaterThan(found.equal);
  expect(searchWeights(members, pairs)).toEqual(found);
});

test('one model: weight 1', () => {
  const { members, pairs } = noisy([0.5]);
  const { weights, spearman, equal, single } = searchWeights(members, pairs);
  expect(weights).toEqual([1]);
  expect([equal, ...single]).toEqual([spearman, spearman]);
});

test('cosines of pairs, by hand', () => {
  const rows = { name: 'a', ids: ['x', 'y', 'z'], width: 2, values: Float64Array.of(3, 0, 1, 1, -2, 0) };
  const cosines = pairCosines(rows, [
    { id1: 'x', id2: 'y' },
    { id1: 'z', id2: 'x' },
  ]);
  expect(cosines[0]).toBeCloseTo(Math.SQRT1_2, 15);
  expect(cosines[1]).toBe(-1);
});

describe('errors', () => {
  const members = models(29, 5);
  const pair = (id2: string, score: number) => ({ id1: 'v1', id2, score });
  test('unknown id', () => {
    expect(() => searchWeights(members, [pair('v2', 0), pair('x', 1)])).toThrow(
      "pairs[1]: expected an id that model 'model0' has a row of, got 'x'",
    );
  });
  test('scores', () => {
    expect(() => searchWeights(members, [pair('v2', 0.5), pair('v3', 0.5)])).toThrow(
      'expected pairs with different scores, got 2 with 0.5',
    );
    expect(() => searchWeights(members, [])).toThrow('got 0 with none');
    expect(() => searchWeights(members, [pair('v2', 1), pair('v3', Number.NaN)])).toThrow('pairs[1].score');
  });
  test('a collapsed model', () => {
    const collapsed = { ...members[1], values: members[1].values.map(() => 0.5) };
    expect(() => searchWeights([members[0], collapsed], [pair('v2', 0), pair('v3', 1)])).toThrow(
      "model 'model1': expected different cosines, got the same for all 2 pairs",
    );
  });
});
