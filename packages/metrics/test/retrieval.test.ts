import { expect, it } from 'vitest';
import { averagePrecision, recallAt } from '../src/index.js';

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
