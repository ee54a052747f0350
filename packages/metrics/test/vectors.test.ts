import { expect, it } from 'vitest';
import { cosine, dot } from '../src/index.js';

it('a dot product is of vectors of one width', () => {
  expect(dot(Float32Array.of(0.5, -2, 3), [4, 0.25, 1])).toBe(4.5);
  expect(() => dot([1, 2], [1])).toThrow('expected two vectors of one width, got 2 and 1');
});

it('a cosine does not depend on lengths, and needs both to have one', () => {
  expect(cosine([3, 4], Float32Array.of(4, 3))).toBe(24 / 25);
  expect(cosine([30, 40], [-0.5, 0])).toBe(-0.6);
  expect(cosine([1, 0], [0, 7])).toBe(0);
  expect(cosine([1, 2], [0, 0])).toBeNaN();
  expect(() => cosine([1, 2], [1, 2, 3])).toThrow('expected two vectors of one width, got 2 and 3');
});
