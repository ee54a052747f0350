import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';

/**
 * A mean in the making: sums and counts add up over batches, so that a mean over a data set is exact. What is known as
 * a mean is multiplied in host memory, for a kernel of one value costs a GPU's host as much as a large one. (Type
 * aliases and not interfaces, so that tfjs takes them for containers of tensors.)
 */
export type Metric =
  { readonly sum: Scalar | number; readonly count: number } | { readonly mean: Scalar; readonly count: number };

/** A metric in host memory: its mean is `sum / count`. */
export interface MetricSum {
  readonly sum: number;
  readonly count: number;
}

/** What a loss function gives: the scalar to minimise and what to show beside it, by name. */
export type LossResult = {
  readonly loss: Scalar;
  /** Over how many items the loss is a mean: batches of one update weigh as much. Default: all batches alike. */
  readonly count?: number;
  readonly metrics: Readonly<Record<string, Metric>>;
};

/**
 * Sums and counts of a loss's metrics in host memory, in one asynchronous read; frees all else that the loss made. For
 * evaluations: training has them from `valueAndGrad`.
 */
export async function readMetrics(f: () => LossResult): Promise<Record<string, MetricSum>> {
  let metrics: LossResult['metrics'] = {};
  const sums = tf.tidy((): Tensor => {
    ({ metrics } = f());
    return scalars(metricValues(metrics));
  });
  try {
    return metricSums(metrics, await sums.data());
  } finally {
    sums.dispose();
  }
}

/** What a loss's metrics have on the engine or as numbers, in their order. */
export function metricValues(metrics: LossResult['metrics']): (Scalar | number)[] {
  return Object.values(metrics).map((metric) => ('sum' in metric ? metric.sum : metric.mean));
}

/** Metrics in host memory, from what was read of {@link metricValues}. */
export function metricSums(metrics: LossResult['metrics'], values: ArrayLike<number>): Record<string, MetricSum> {
  const read = Object.entries(metrics).map(([name, metric], i) => {
    const { count } = metric;
    return [name, { sum: 'sum' in metric ? values[i] : values[i] * count, count }] as const;
  });
  return Object.fromEntries(read);
}

/** Numbers that are on the engine or not, as one vector there, for one transfer. */
export function scalars(values: readonly (Tensor | number)[]): Tensor {
  if (values.length === 0) return tf.tensor1d([]);
  const tensors = values.map((value) => (typeof value === 'number' ? tf.scalar(value) : value));
  return tf.stack(tensors.map((tensor) => tf.reshape(tf.cast(tensor, 'float32'), [])));
}
