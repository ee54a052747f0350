import { expect, it } from 'vitest';
import { dot } from '../src/index.js';

it('a dot product is of vectors of one width', () => {
  expect(dot(Float32Array.of(0.5, -2, 3), [4, 0.25, 1])).toBe(4.5);
  expect(() => dot([1, 2], [1])).toThrow('expected two vectors of one width, got 2 and 1');
});
