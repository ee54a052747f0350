import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { sizeOf } from '../host.js';
import type { DropMask } from '../kernels.js';
import type { Key } from '../random.js';
import { dropMask } from './drop-mask.js';
import { differentiable, fusedKernel } from './kernel.js';

/**
 * Dropout (Srivastava et al., 2014): zeroes a share of the values and scales the rest by `1 / (1 - rate)`. Without a
 * key, nothing happens. The mask is the same on every engine, and the backward pass draws it again instead of keeping
 * it.
 */
export function dropout<T extends Tensor>(x: T, rate: number, key: Key | undefined): T {
  if (!key || rate === 0) return x;
  const drop = dropMask(rate, key);
  const apply = (t: Tensor): Tensor =>
    fusedKernel('WbdcDropout', { x: t }, { drop })?.[0] ?? tf.mul(t, dropFactors(drop, t.shape));
  return differentiable<Tensor>(
    [x],
    () => ({ value: apply(x), saved: [] }),
    (dy) => [apply(dy)],
  ) as T;
}

/** What a dropout multiplies a tensor with: 0 or the scale. */
export function dropFactors(mask: DropMask, shape: readonly number[]): Tensor {
  const values = new Float32Array(sizeOf(shape)).fill(mask.scale);
  mask.apply(values, 0, shape[0] ?? 1, 0);
  return tf.tensor(values, [...shape]);
}
