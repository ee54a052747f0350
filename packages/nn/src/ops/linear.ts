import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { differentiable, fusedKernel } from './kernel.js';

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
    (dy, [x, weight]) => linearGradients(x, [weight], [dy])[0],
  ) as T;
}

/** The value of {@link linear}, without a gradient. */
export function project(x: Tensor, { weight, bias }: Linear): Tensor {
  const [inputs, outputs] = weight.shape;
  if (x.shape.at(-1) !== inputs) {
    throw new RangeError(`linear: expected rows of ${inputs} values, got the shape [${x.shape.join(', ')}]`);
  }
  const fused = fusedKernel('WbdcLinear', { x, weight, bias }, {});
  if (fused) return fused[0];
  const y = tf.fused.matMul({ a: rows(x), b: weight, bias }); // [N, out]
  return tf.reshape(y, [...x.shape.slice(0, -1), outputs]);
}

/** The gradients of layers that share their input x: by each layer of x, its weight `[in, out]` and its bias. */
export function linearGradients(x: Tensor, weights: readonly Tensor[], dys: readonly Tensor[]): Tensor[][] {
  const fused = weights.map((weight, i) => fusedKernel('WbdcLinearGrad', { dy: dys[i], x, weight }, {}));
  if (fused[0]) return fused as Tensor[][];
  const dWeights = weightGradients(x, dys);
  return dys.map((dy, i) => {
    const dx = tf.matMul(rows(dy), weights[i] as Tensor2D, false, true);
    return [tf.reshape(dx, x.shape), dWeights[i], tf.sum(rows(dy), 0)];
  });
}

function weightGradients(x: Tensor, dys: readonly Tensor[]): Tensor[] {
  if (dys.length === 1) return [tf.matMul(rows(x), rows(dys[0]), true, false)];
  const columns = tf.transpose(rows(x)); // [in, N], once for all
  return dys.map((dy) => tf.matMul(columns, rows(dy)));
}

/** `[..., D]` as a matrix `[N, D]`. */
function rows(x: Tensor): Tensor2D {
  const width = x.shape.at(-1)!;
  return tf.reshape(x, [x.size / width, width]);
}
