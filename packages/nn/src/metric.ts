import type { Scalar } from '@tensorflow/tfjs';

/**
 * A mean in the making: sums and counts add up over batches, so that a mean over a data set is exact. (A type alias and
 * not an interface, so that tfjs takes it for a container of tensors.)
 */
export type Metric = {
  readonly sum: Scalar | number;
  readonly count: number;
};

/** What a loss function gives: the scalar to minimise and what to show beside it, by name. */
export type LossResult = {
  readonly loss: Scalar;
  /** Over how many items the loss is a mean: batches of one update weigh as much. Default: all batches alike. */
  readonly count?: number;
  readonly metrics: Readonly<Record<string, Metric>>;
};
