import type { Tensor2D } from '@tensorflow/tfjs';

/** The rows of a tensor `[N, W]`, which is then disposed of. */
export function takeRowsOf(tensor: Tensor2D): Float32Array[] {
  const [count, width] = tensor.shape;
  const values = takeValuesOf(tensor);
  return Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width));
}

/** The values of a tensor, which is then disposed of. */
export function takeValuesOf(tensor: Tensor2D): Float32Array {
  const values = tensor.dataSync<'float32'>().slice();
  tensor.dispose();
  return values;
}

/** Rows one after another in one array. */
export function joinRows(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}
