import { evenStride } from '@wbdc/nn/plain';

export { evenStride, randomSubset } from '@wbdc/nn/plain';

/**
 * The rule of the AIAC solution: frame i of `limit` is taken at `round((i + 0.5) * (n - 1) / limit)`. Python's `round`
 * goes to the even neighbour at exact halves (so that 33 frames give 0, 2, 2, 4...), and so does this.
 */
export function aiacStride(count: number, limit: number): Int32Array {
  if (count <= limit) return evenStride(count, limit);
  return Int32Array.from({ length: limit }, (_, i) => roundHalfToEven(((i + 0.5) * (count - 1)) / limit));
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
