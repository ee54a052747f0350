import { expect, it } from 'vitest';
import { narrowed, widened } from '../src/bfloat16.js';

it('bfloat16 is rounded to the nearest, ties to even, and keeps what is not finite', () => {
  const values = Float32Array.of(1, -2.5, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, NaN, Infinity, -0);
  expect([...widened(narrowed(values))]).toEqual([1, -2.5, 1, 1 + 2 ** -6, Infinity, NaN, Infinity, -0]);
  const many = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i) * 10 ** ((i % 20) - 10));
  widened(narrowed(many)).forEach((value, i) => {
    expect(Math.abs(value - many[i])).toBeLessThanOrEqual(Math.abs(many[i]) * 2 ** -8);
  });
});
