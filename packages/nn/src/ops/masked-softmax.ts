import * as tf from '@tensorflow/tfjs';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { Ints } from '../host.js';
import { differentiable, fusedKernel } from './kernel.js';

/** Attention probabilities `softmax(x * scale + bias)` over the last axis; x `[B, H, Q, K]`, bias `[B, 1, 1, K]`. */
export function maskedSoftmax(x: Tensor4D, bias: Tensor4D, scale: number): Tensor4D {
  return differentiable<Tensor>(
    [x],
    () => {
      const y =
        fusedKernel('WbdcMaskedSoftmax', { x, bias }, { scale })?.[0] ?? tf.softmax(tf.add(tf.mul(x, scale), bias));
      return { value: y, saved: [y] };
    },
    (dy, [y]) => [fusedKernel('WbdcMaskedSoftmaxGrad', { dy, y }, { scale })?.[0] ?? backward(dy, y, scale)],
  ) as Tensor4D;
}

function backward(dy: Tensor, y: Tensor, scale: number): Tensor {
  const weighted = tf.mul(dy, y);
  return tf.mul(tf.sub(weighted, tf.mul(y, tf.sum(weighted, -1, true))), scale);
}

/** The bias of {@link maskedSoftmax} for masks `[B, K]` of 1 and 0: adds -1e9 where the mask is 0. */
export function attentionBias(mask: Ints): Tensor4D {
  const bias = Float32Array.from(mask.data, (value) => (value ? 0 : -1e9));
  return tf.tensor4d(bias, [mask.shape[0], 1, 1, mask.shape[1]]);
}
