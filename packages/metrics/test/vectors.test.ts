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

it('a cosine is free of scale, and never beyond 1', () => {
  const [x, y] = [
    [3, 4, 0],
    [4, 3, 1],
  ];
  const expected = 24 / Math.sqrt(25 * 26);
  for (const scale of [1e-300, 1e-160, 1e-81, 1, 1e77, 1e155, 1e300]) {
    const scaled = x.map((value) => value * scale);
    expect(cosine(scaled, y), String(scale)).toBeCloseTo(expected, 12);
    expect(cosine(y, scaled), String(scale)).toBeCloseTo(expected, 12);
    expect(cosine(scaled, scaled), String(scale)).toBeCloseTo(1, 12);
  }
  for (let i = 1; i < 200; i++) {
    const vector = [Math.sin(i), Math.sin(7 * i), Math.sin(31 * i)];
    expect(Math.abs(cosine(vector, vector))).toBeLessThanOrEqual(1);
  }
  expect(cosine([NaN, 1], [1, 1])).toBeNaN();
});
