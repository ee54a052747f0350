import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { differentiable } from './kernel.js';

/** A dense layer. The weight is `[in, out]`: the transpose of PyTorch's. */
export interface Linear {
  readonly weight: Tensor2D;
  readonly bias: Tensor1D;
}

/** `x W + b` over the last axis: `[..., in]` to `[..., out]`. */
export function linear<T extends Tensor>(x: T, { weight, bias }: Linear): T {
  const [inputs, outputs] = weight.shape;
  if (x.shape.at(-1) !== inputs) {
    throw new RangeError(`linear: expected rows of ${inputs} values, got the shape [${x.shape.join(', ')}]`);
  }
  const rows = (t: Tensor, width: number): Tensor2D => tf.reshape(t, [t.size / width, width]); // [N, width]
  return differentiable<Tensor>(
    [x, weight, bias],
    () => {
      const y = tf.fused.matMul({ a: rows(x, inputs), b: weight, bias }); // [N, out]
      return { value: tf.reshape(y, [...x.shape.slice(0, -1), outputs]), saved: [x, weight] };
    },
    (dy, [x, weight]) => {
      const dy2 = rows(dy, outputs);
      const dx = tf.matMul(dy2, weight as Tensor2D, false, true); // [N, in]
      const dWeight = tf.matMul(rows(x, inputs), dy2, true, false); // [in, out]
      return [tf.reshape(dx, x.shape), dWeight, tf.sum(dy2, 0)];
    },
  ) as T;
}
