import { permutation, type Key } from '@wbdc/nn';

/** Places of at most `limit` of `count` frames, evenly over the whole video: `floor(i * count / limit)`. For evaluation. */
export function evenStride(count: number, limit: number): Int32Array {
  const kept = Math.min(count, limit);
  return Int32Array.from({ length: kept }, (_, i) => Math.floor((i * count) / kept));
}

/** A sorted random subset of at most `limit` of `count` frames; the same for the same key. For training. */
export function randomSubset(key: Key, count: number, limit: number): Int32Array {
  return count <= limit ? evenStride(count, limit) : permutation(key, count).subarray(0, limit).sort();
}

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
