import * as tf from '@tensorflow/tfjs';
import {
  dropout,
  flatten,
  foldIn,
  linear,
  newLinear,
  randomKey,
  uniform,
  type Key,
  type Linear,
  type LossResult,
} from '@wbdc/nn';
import { adamW, type Optimizer } from '../src/index.js';

export type Model = { readonly body: Linear; readonly head: Linear };

/** A small model of width 5 -> 7 -> 2. */
export function newModel(seed = 1): Model {
  const key = randomKey(seed);
  return { body: newLinear(foldIn(key, 'body'), 5, 7), head: newLinear(foldIn(key, 'head'), 7, 2) };
}

export function newOptimizer(params: Model, averageDecay?: number): Optimizer {
  return adamW(params, {
    learningRate: 0.05,
    weightDecay: 0.1,
    rules: [{ pattern: 'head.**', learningRate: 0.01 }],
    ...(averageDecay === undefined ? {} : { averageDecay }),
  });
}

export interface Rows {
  readonly ids: readonly string[];
  readonly inputs: Float32Array;
}

/** Three rows of 5 numbers, a function of the index. */
export async function batchAt(index: number): Promise<Rows> {
  const key = foldIn(randomKey(9), index);
  return {
    ids: [0, 1, 2].map((row) => `video-${index}-${row}`),
    inputs: Float32Array.from({ length: 15 }, (_, i) => uniform(key, i) - 0.5),
  };
}

/** Squared error of a network with dropout against the rows' first two numbers. */
export function loss(params: Model, { inputs }: Rows, key?: Key): LossResult {
  return tf.tidy(() => {
    const x = tf.tensor2d(inputs, [3, 5]);
    const hidden = dropout(tf.tanh(linear(x, params.body)), 0.3, key);
    const error = tf.sub(linear(hidden, params.head), tf.slice(x, [0, 0], [3, 2]));
    const value = tf.mean(tf.square(error)) as tf.Scalar;
    return { loss: value, metrics: { 'fit/loss': { sum: value, count: 1 }, size: { sum: tf.sum(hidden), count: 3 } } };
  });
}

export function values(params: Model): number[][] {
  return flatten(params).map(({ leaf }) => [...leaf.dataSync()]);
}
