import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import { differentiable, fusedKernel } from './kernel.js';

/** Scale and shift of a layer normalisation, `[D]` each. */
export interface Norm {
  readonly gamma: Tensor1D;
  readonly beta: Tensor1D;
}

/**
 * Layer normalisation over the last axis (Ba et al., arXiv 1607.06450): `(x - mean) / sqrt(var + epsilon) * gamma +
 * beta` with the biased variance. BERT's epsilon is 1e-12, CLIP's 1e-5.
 */
export function layerNorm<T extends Tensor>(x: T, { gamma, beta }: Norm, epsilon: number): T {
  return differentiable<Tensor>(
    [x, gamma, beta],
    () => {
      const fused = fusedKernel('WbdcLayerNorm', { x, gamma, beta }, { epsilon });
      const [y, mean, rstd] = fused ?? forward(x, gamma, beta, epsilon);
      return { value: y, saved: [x, gamma, mean, rstd] };
    },
    (dy, saved) => backward(dy, saved),
  ) as T;
}

/** The layer normalisation of a sum, `layerNorm(a + b)`, in one pass. Both are of the same shape. */
export function addLayerNorm<T extends Tensor>(a: T, b: T, { gamma, beta }: Norm, epsilon: number): T {
  return differentiable<Tensor>(
    [a, b, gamma, beta],
    () => {
      const fused = fusedKernel('WbdcAddLayerNorm', { a, b, gamma, beta }, { epsilon });
      const [y, mean, rstd, x] = fused ?? forward(tf.add(a, b), gamma, beta, epsilon);
      return { value: y, saved: [x, gamma, mean, rstd] };
    },
    (dy, saved) => {
      const [dx, dGamma, dBeta] = backward(dy, saved);
      return [dx, tf.clone(dx), dGamma, dBeta];
    },
  ) as T;
}

/** The normalised x, its mean and reciprocal deviation, and x. */
function forward(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): Tensor[] {
  const { mean, variance } = tf.moments(x, -1, true); // [..., 1]
  const rstd = tf.rsqrt(tf.add(variance, epsilon));
  const y = tf.add(tf.mul(tf.mul(tf.sub(x, mean), rstd), gamma), beta);
  return [y, mean, rstd, x];
}

function backward(dy: Tensor, [x, gamma, mean, rstd]: Tensor[]): Tensor[] {
  const fused = fusedKernel('WbdcLayerNormGrad', { dy, x, gamma, mean, rstd }, {});
  if (fused) return fused;
  const normal = tf.mul(tf.sub(x, mean), rstd);
  const rows = x.shape.slice(0, -1).map((_, axis) => axis);
  const dNormal = tf.mul(dy, gamma);
  const along = tf.mean(tf.mul(dNormal, normal), -1, true);
  const dx = tf.mul(tf.sub(tf.sub(dNormal, tf.mean(dNormal, -1, true)), tf.mul(normal, along)), rstd);
  return [dx, tf.sum(tf.mul(dy, normal), rows), tf.sum(dy, rows)];
}
