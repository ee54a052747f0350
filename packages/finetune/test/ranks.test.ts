import { describe, expect, it } from 'vitest';
import { rankLabeller, rankNormalize } from '../src/index.js';

describe('ranks', () => {
  it('of labels lie between 0 and 1, ties together', () => {
    expect([...rankNormalize([0.2, 0.9, 0.2, 0.5])]).toEqual([0, 1, 0, 0.6]);
  });

  it('of scores are what the cosine should be, also of scores that training did not have', () => {
    const label = rankLabeller([0, 0.5, 0.5, 1]); // ranks 1, 2.5, 2.5, 4
    expect([-1, 0, 0.25, 0.5, 1, 2, 0.9].map(label)).toEqual([0, 0, 0.25, 0.5, 1, 1, expect.closeTo(0.9, 9)]);
  });

  it('of equal labels are refused', () => {
    expect(() => rankNormalize([0.5, 0.5])).toThrow('expected scores that differ, got 2 of the same value');
    expect(() => rankNormalize([0.5, NaN])).toThrow('expected scores that are numbers, got NaN at place 1');
  });
});
