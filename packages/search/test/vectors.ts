import type { IndexRow } from '@wbdc/search';

/** Vectors `[N][D]` of normally distributed values, the same for the same seed. */
export function randomVectors(count: number, width: number, seed: number): Float32Array[] {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0; // mulberry32
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return Array.from({ length: count }, () => Float32Array.from({ length: width }, normal));
}

/** Rows numbered from 0. */
export function recordsOf(vectors: readonly Float32Array[], hash: string): IndexRow[] {
  return vectors.map((values, i) => ({ id: String(i), title: String(i), vectors: [{ model: 'video', hash, values }] }));
}
