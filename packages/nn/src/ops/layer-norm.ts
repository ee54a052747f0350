import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import { differentiable, fusedKernel } from './kernel.js';

/** Scale and shift of a layer normalisation, `[D]` each. */
export interface Norm {
  readonly gamma: Tensor1D;
  readonly beta: Tensor1D;
}

/**
 * Layer normalisation over the last axis (Ba et al., arXiv 1607.06450): `(x - mean) / sqrt(var + epsilon) * gamma + beta`
 * with the biased variance. BERT's epsilon is 1e-12, CLIP's 1e-5.
 */
export function layerNorm<T extends Tensor>(x: T, { gamma, beta }: Norm, epsilon: number): T {
  return differentiable<Tensor>(
    [x, gamma, beta],
    () => {
      const [y, mean, rstd] = fusedKernel('WbdcLayerNorm', { x, gamma, beta }, { epsilon }) ?? forward();
      return { value: y, saved: [x, gamma, mean, rstd] };
    },
    (dy, [x, gamma, mean, rstd]) =>
      fusedKernel('WbdcLayerNormGrad', { dy, x, gamma, mean, rstd }) ?? backward(dy, x, gamma, mean, rstd),
  ) as T;

  function forward(): Tensor[] {
    const { mean, variance } = tf.moments(x, -1, true); // [..., 1]
    const rstd = tf.rsqrt(tf.add(variance, epsilon));
    const y = tf.add(tf.mul(tf.mul(tf.sub(x, mean), rstd), gamma), beta);
    return [y, mean, rstd];
  }
}

function backward(dy: Tensor, x: Tensor, gamma: Tensor, mean: Tensor, rstd: Tensor): Tensor[] {
  const normal = tf.mul(tf.sub(x, mean), rstd);
  const rows = x.shape.slice(0, -1).map((_, axis) => axis);
  const dNormal = tf.mul(dy, gamma);
  const along = tf.mean(tf.mul(dNormal, normal), -1, true);
  const dx = tf.mul(tf.sub(tf.sub(dNormal, tf.mean(dNormal, -1, true)), tf.mul(normal, along)), rstd);
  return [dx, tf.sum(tf.mul(dy, normal), rows), tf.sum(dy, rows)];
}
