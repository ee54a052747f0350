import { expect, it } from 'vitest';
import { meanAndSpread } from '../src/index.js';

it('the spread is the deviation of a sample, which one value has not', () => {
  const { mean, spread } = meanAndSpread([2, 4, 4, 4, 5, 5, 7, 9]);
  expect(mean).toBe(5);
  expect(spread).toBeCloseTo(Math.sqrt(32 / 7), 15);
  expect(meanAndSpread([3])).toEqual({ mean: 3 });
});
