import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { sizeOf } from '../host.js';
import { fusedKernel } from './kernel.js';

/**
 * A float32 tensor of the shape, filled by a function of x's values. On an engine whose data live in host memory the
 * function runs over them directly; on others they are read and written back.
 */
export function hostFunction(
  x: Tensor,
  shape: readonly number[],
  run: (input: Float32Array, output: Float32Array) => void,
): Tensor {
  const attributes = {
    outputs: [{ shape, dtype: 'float32' }],
    run: ([input]: Float32Array[], [output]: Float32Array[]) => run(input, output),
  };
  const fused = fusedKernel('WbdcHost', { 0: x }, attributes);
  if (fused) return fused[0];
  const output = new Float32Array(sizeOf(shape));
  run(x.dataSync<'float32'>(), output);
  return tf.tensor(output, [...shape]);
}
