import { floats } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { decodeNpy, encodeNpy } from '../../src/index.js';

const array = floats(
  [3, 5],
  Float32Array.from({ length: 15 }, (_, i) => i / 4 - 1),
);

function withHeader(change: (header: string) => string): Buffer {
  const bytes = Buffer.from(encodeNpy(array, 'float16'));
  const size = bytes.readUInt16LE(8);
  const header = change(bytes.toString('latin1', 10, 10 + size))
    .padEnd(size)
    .slice(0, size);
  bytes.write(header, 10, 'latin1');
  return bytes;
}

describe('npy', () => {
  it.each(['float16', 'float32'] as const)('gives a %s array back, wherever it lies in memory', (type) => {
    const bytes = encodeNpy(array, type);
    const shifted = Buffer.concat([Buffer.from([1]), bytes]).subarray(1);
    expect(decodeNpy(shifted, 'x')).toEqual(array);
    expect((bytes.length - 15 * (type === 'float16' ? 2 : 4)) % 64).toBe(0);
  });

  it('keeps vectors, and arrays of nothing', () => {
    for (const shape of [[7], [0, 5], [2, 3, 5]])
      expect(decodeNpy(encodeNpy(floats(shape), 'float16'), 'x')).toEqual(floats(shape));
  });

  it.each([
    [
      withHeader((text) => text.replace('<f2', '<f8')),
      /video 7: expected the dtype <f2 \(float16\) or <f4 \(float32\), got <f8/,
    ],
    [withHeader((text) => text.replace('<f2', '>f2')), /got >f2/],
    [withHeader((text) => text.replace('False', 'True ')), /expected C order/],
    [withHeader((text) => text.replace('(3, 5)', '(4, 5)')), /expected 40 bytes for float16 \[4, 5\], got 30/],
    [withHeader((text) => text.replace('(3, 5)', '(-3,5)')), /expected a shape/],
    [withHeader((text) => text.replace('(3, 5)', '(9999999999,9999999999)')), /expected a shape/],
    [Buffer.from(encodeNpy(array, 'float16')).subarray(0, 100), /the start|version|bytes/],
    [Buffer.from('PK\x03\x04 something else'), /expected a \.npy array/],
    [Buffer.alloc(0), /expected a \.npy array, got 0 bytes/],
  ])('refuses what is no such array (%#)', (bytes, message) => {
    expect(() => decodeNpy(bytes, 'video 7')).toThrow(message);
  });
});
