import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeFloat16, encodeFloat16 } from '../src/float16.js';

it('gives all 65,536 bit patterns back', () => {
  const bits = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);
  const back = encodeFloat16(decodeFloat16(bits));
  const isNaN16 = (word: number): boolean => (word & 0x7fff) > 0x7c00;
  expect(bits.filter((word, i) => (isNaN16(word) ? !isNaN16(back[i]) : back[i] !== word))).toHaveLength(0);
});

it('decodes known values', () => {
  const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0xfc00, 0x3555);
  const values = [1, -2, 65504, 2 ** -24, 2 ** -14, Infinity, -Infinity, 0.333251953125];
  expect([...decodeFloat16(bits)]).toEqual(values);
  expect(decodeFloat16(Uint16Array.of(0x7e00))[0]).toBeNaN();
});

it('rounds as NumPy does', () => {
  const { float32, float16 } = JSON.parse(
    readFileSync(new URL('fixtures/float16.json', import.meta.url), 'utf8'),
  ) as Record<string, number[]>;
  const values = new Float32Array(Uint32Array.from(float32).buffer);
  expect([...encodeFloat16(values)]).toEqual(float16);
});
