import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { sizeOf } from './host.js';
import type { Norm } from './ops/layer-norm.js';
import type { Linear } from './ops/linear.js';
import { foldIn, truncatedNormal, type Key } from './random.js';

/** The deviation of BERT's fresh weights. */
export const INITIAL_DEVIATION = 0.02;

/** A trainable parameter with these values. */
export function parameter<S extends readonly number[]>(values: Float32Array, shape: S): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor(values, [...shape])));
}

/** A fresh table of vectors or weights, normal with a deviation, cut at two deviations. */
export function newTable(key: Key, shape: readonly [number, number], deviation = INITIAL_DEVIATION): Tensor2D {
  return parameter(truncatedNormal(key, sizeOf(shape), deviation), shape) as tf.Tensor as Tensor2D;
}

/** A vector with the same value everywhere. */
export function newVector(size: number, value = 0): Tensor1D {
  return parameter(new Float32Array(size).fill(value), [size]) as tf.Tensor as Tensor1D;
}

/** A fresh dense layer, bias 0. */
export function newLinear(key: Key, inputs: number, outputs: number): Linear {
  return { weight: newTable(foldIn(key, 'weight'), [inputs, outputs]), bias: newVector(outputs) };
}

/** A layer normalisation that changes nothing yet. */
export function newNorm(width: number): Norm {
  return { gamma: newVector(width, 1), beta: newVector(width) };
}
