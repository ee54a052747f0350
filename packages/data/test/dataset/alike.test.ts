import { randomInt, randomKey, foldIn } from '@wbdc/nn';
import { expect, it } from 'vitest';
import { findAlike } from '../../src/index.js';

const random = (seed: number): Uint16Array =>
  Uint16Array.from({ length: 16 }, (_, k) => randomInt(foldIn(randomKey(3), seed), k, 1 << 16));

/** With `count` bits turned, spread over all parts. */
function turn(fingerprint: Uint16Array, count: number): Uint16Array {
  const turned = fingerprint.slice();
  for (let k = 0; k < count; k++) turned[(5 * k) % 16] ^= 1 << (k % 16);
  return turned;
}

it('finds every pair within the distance, and no other', () => {
  const prints = Array.from({ length: 300 }, (_, i) => random(i));
  prints.push(turn(prints[3], 10), turn(prints[4], 11), turn(prints[5], 1), prints[5]);
  expect(findAlike(prints, 10).sort((a, b) => a[0] - b[0] || a[1] - b[1])).toEqual([
    [3, 300],
    [5, 302],
    [5, 303],
    [302, 303],
  ]);
});

it('leaves flat pictures alone, and is quick where many have an equal part', () => {
  const flat = new Uint16Array(16);
  expect(findAlike([flat, flat.slice(), flat.slice().fill(0xffff), flat.slice().fill(0xffff)], 10)).toEqual([]);
  expect(findAlike([], 10)).toEqual([]);
  const sharing = Array.from({ length: 20_000 }, (_, i) => random(i).fill(7, 0, 1));
  const start = performance.now();
  expect(findAlike(sharing, 10)).toEqual([]);
  expect(performance.now() - start).toBeLessThan(20_000);
});

it('compares no number of pairs that grows with the square of the fingerprints', () => {
  // Bands of few values, as pictures have them: 20 million pairs share one, which no set of JavaScript holds.
  const prints = Array.from({ length: 10_000 }, (_, i) => random(i).map((bits) => (bits % 40) * 1607));
  expect(findAlike([...prints, turn(prints[0], 9)], 10)).toEqual([[0, 10_000]]);
});
