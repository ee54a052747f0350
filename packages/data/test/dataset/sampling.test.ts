import { randomKey } from '@wbdc/nn';
import { expect, it } from 'vitest';
import { aiacStride, evenStride, randomSubset } from '../../src/index.js';

it('strides evenly over the whole video', () => {
  expect([...evenStride(11, 4)]).toEqual([0, 2, 5, 8]);
  expect([...evenStride(3, 7)]).toEqual([0, 1, 2]);
  expect([...evenStride(0, 7)]).toEqual([]);
});

it('draws a sorted subset, every frame equally often', () => {
  const seen = new Float64Array(13);
  for (let seed = 0; seed < 1300; seed++) {
    const places = [...randomSubset(randomKey(seed), 13, 5)];
    expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
    expect(places).toHaveLength(5);
    for (const place of places) seen[place]++;
  }
  for (const count of seen) expect(Math.abs(count - 500)).toBeLessThan(90); // five deviations
  expect(randomSubset(randomKey(3), 13, 5)).toEqual(randomSubset(randomKey(3), 13, 5));
  expect([...randomSubset(randomKey(3), 2, 5)]).toEqual([0, 1]);
});

it('follows the AIAC rule as Python computes it', () => {
  // [round((i + 0.5) * (n - 1) / 32) for i in range(32)]
  expect([...aiacStride(33, 32)].slice(0, 6)).toEqual([0, 2, 2, 4, 4, 6]);
  expect([...aiacStride(50, 32)].slice(0, 8)).toEqual([1, 2, 4, 5, 7, 8, 10, 11]);
  expect(aiacStride(100, 32)[31]).toBe(97);
  expect([...aiacStride(32, 32)]).toEqual(Array.from({ length: 32 }, (_, i) => i));
});
