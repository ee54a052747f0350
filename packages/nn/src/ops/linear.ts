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
  return differentiable<Tensor>(
    [x, weight, bias],
    () => ({ value: project(x, { weight, bias }), saved: [x, weight] }),
    (dy, [x, weight]) => {
      const [dWeight] = weightGradients(x, [dy]);
      return [inputGradient(dy, weight as Tensor2D, x.shape), dWeight, biasGradient(dy)];
    },
  ) as T;
}

/** The value of {@link linear}, without a gradient. */
export function project(x: Tensor, { weight, bias }: Linear): Tensor {
  const [inputs, outputs] = weight.shape;
  if (x.shape.at(-1) !== inputs) {
    throw new RangeError(`linear: expected rows of ${inputs} values, got the shape [${x.shape.join(', ')}]`);
  }
  const y = tf.fused.matMul({ a: rows(x), b: weight, bias }); // [N, out]
  return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
}

/** The gradient of a linear layer's input, of the given shape. */
export function inputGradient(dy: Tensor, weight: Tensor2D, shape: number[]): Tensor {
  return tf.reshape(tf.matMul(rows(dy), weight, false, true), shape);
}

/** The gradients of the weights `[in, out]` of layers that share their input x. */
export function weightGradients(x: Tensor, dys: readonly Tensor[]): Tensor[] {
  if (dys.length === 1) return [tf.matMul(rows(x), rows(dys[0]), true, false)];
  const columns = tf.transpose(rows(x)); // [in, N], once for all
  return dys.map((dy) => tf.matMul(columns, rows(dy)));
}

export function biasGradient(dy: Tensor): Tensor {
  return tf.sum(rows(dy), 0);
}

/** `[..., D]` as a matrix `[N, D]`. */
function rows(x: Tensor): Tensor2D {
  const width = x.shape.at(-1)!;
  return tf.reshape(x, [x.size / width, width]);
}
