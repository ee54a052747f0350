import { expect, it } from 'vitest';
import { averagePrecision, recallAt, recallBy, recallByChance } from '../src/index.js';

it('averages precision over the relevant items', () => {
  // Ranked: items 2, 0, 3, 1; relevant 0 and 1, at ranks 2 and 4: (1/2 + 2/4) / 2.
  expect(averagePrecision([0.5, 0.1, 0.9, 0.3], [1, 1, 0, 0])).toBe(0.5);
  expect(averagePrecision([3, 2, 1], [1, 0, 0])).toBe(1);
});

it('counts a query as found when fewer than k others are at least as similar', () => {
  const queries = Float32Array.of(1, 0, 0, 1, 1, 1);
  const items = Float32Array.of(1, 0, 0, 1, 0.5, 0.4);
  // Query 2 scores 1, 1 and 0.9: its own item comes third.
  expect(recallAt(queries, items, 3, [1, 2, 3])).toEqual([2 / 3, 2 / 3, 1]);
});

it('takes equal items for right answers, and chance knows of them', () => {
  const titles = Float32Array.of(1, 0, 1, 0, 0, 1);
  expect(recallAt(titles, titles, 3, [1])).toEqual([1 / 3]);
  const names = ['猫', '猫', '狗'];
  const isRight = (query: number, item: number) => names[query] === names[item];
  expect(recallAt(titles, titles, 3, [1], isRight)).toEqual([1]);
  const question = { queries: 3, items: 3, own: (query: number) => query, isRight };
  expect(recallByChance(question, [1, 2])).toEqual([(1 / 2 + 1 / 2 + 1 / 3) / 3, (1 + 1 + 2 / 3) / 3]);
  // A model that tells nothing apart finds nothing, as before.
  expect(recallBy({ ...question, score: () => 0 }, [1, 2])).toEqual([0, 2 / 3]);
});

it('counts items of one score together, as scikit-learn', () => {
  const relevant = [1, 0, 0, 0];
  expect(averagePrecision([7, 7, 7, 7], relevant)).toBe(0.25);
  expect(averagePrecision([7, 7, 7, 7], [0, 0, 0, 1])).toBe(0.25);
  // average_precision_score of scikit-learn 1.9.1
  expect(averagePrecision([0.5, 0.5, 0.5, 0.49, 0.49, 0.5, 0.48, 0.5], [1, 1, 0, 0, 0, 0, 0, 0])).toBeCloseTo(0.4, 12);
  expect(averagePrecision([3, 3, 2, 2, 1], [1, 0, 0, 1, 1])).toBeCloseTo((1 / 2 + 2 / 4 + 3 / 5) / 3, 12);
  expect(averagePrecision([Infinity, -Infinity, Infinity], [1, 1, 0])).toBeCloseTo((1 / 2 + 2 / 3) / 2, 12);
});

it('gives no value to scores that are no numbers', () => {
  expect(() => averagePrecision([2, 1], [1])).toThrow('expected a score for each of 1 items, got 2');
  expect(() => recallAt(Float32Array.of(1, 1), Float32Array.of(1), 2, [1])).toThrow('got 2 and 1 values');
  expect(averagePrecision([NaN, NaN, 5], [1, 0, 0])).toBeNaN();
  expect(averagePrecision([3, 2, 1], [0, 0, 0])).toBeNaN();
  expect(recallAt(Float32Array.of(NaN, 1), Float32Array.of(1, 1), 2, [1, 2])).toEqual([0, 0.5]);
  expect(recallAt(Float32Array.of(1, 1), Float32Array.of(1, NaN), 2, [1, 2])).toEqual([0, 0.5]);
});
