import { foldIn, randomInt, randomKey } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { PRECISION, ResampleKernel, type Coefficients } from '../src/resample-kernel.js';

const kernel = new ResampleKernel();
const key = randomKey(5);

function bytes(length: number, part: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (Math.imul(i + 7 * part, 2654435761) >>> 9) & 255);
}

/** Windows that move over the input; weights that overshoot to both sides. */
function coefficients(from: number, count: number, taps: number, part: number): Coefficients {
  const draw = foldIn(key, part);
  const weights = Int32Array.from(
    { length: count * taps },
    (_, i) => randomInt(draw, i, 3 << PRECISION) / taps - (1 << PRECISION) / taps,
  );
  const first = Int32Array.from({ length: count }, (_, i) => Math.floor((i * (from - taps)) / Math.max(1, count - 1)));
  return { first, weights, taps };
}

const toByte = (sum: number): number => Math.max(0, Math.min(255, (sum + (1 << (PRECISION - 1))) >> PRECISION));

/** The same in plain loops. */
function plain(data: Uint8Array, width: number, across: Coefficients, down: Coefficients): number[] {
  const pixel = (row: number, x: number, c: number): number => {
    let sum = 0;
    for (let k = 0; k < across.taps; k++)
      sum += data[3 * (row * width + across.first[x] + k) + c] * across.weights[x * across.taps + k];
    return toByte(sum);
  };
  const columns = across.first.length;
  const rows = data.length / 3 / width;
  const middle = Array.from({ length: rows * columns * 3 }, (_, i) =>
    pixel(Math.floor(i / 3 / columns), Math.floor(i / 3) % columns, i % 3),
  );
  return Array.from({ length: down.first.length * columns * 3 }, (_, i) => {
    const [y, at] = [Math.floor(i / 3 / columns), i % (3 * columns)];
    let sum = 0;
    for (let k = 0; k < down.taps; k++)
      sum += middle[(down.first[y] + k) * columns * 3 + at] * down.weights[y * down.taps + k];
    return toByte(sum);
  });
}

describe('ResampleKernel', () => {
  it.each([
    [1, 1, 1, 1, 1, 1],
    [7, 5, 1, 1, 7, 5],
    [23, 17, 11, 13, 5, 3],
    [101, 67, 31, 1, 13, 7],
    [64, 48, 16, 16, 4, 4],
    [4999, 97, 29, 19, 11, 5], // more than one band
  ])('does what plain loops do: %i x %i to %i x %i, %i and %i taps', (width, height, columns, rows, across, down) => {
    const data = bytes(3 * width * height, width);
    const parts = [coefficients(width, columns, across, 1), coefficients(height, rows, down, 2)] as const;
    const result = kernel.resize(data, width, ...parts);
    expect(result).toEqual(Uint8Array.from(plain(data, width, ...parts)));
  });

  it('leaves out the rows above and below what is asked for', () => {
    const data = bytes(3 * 10 * 30, 3);
    const across = coefficients(10, 4, 3, 1);
    const down = coefficients(12, 5, 4, 2);
    const lower = { ...down, first: down.first.map((row) => row + 9) };
    const part = data.subarray(3 * 10 * 9, 3 * 10 * 21);
    expect(kernel.resize(data, 10, across, lower)).toEqual(kernel.resize(part, 10, across, down));
  });
});
