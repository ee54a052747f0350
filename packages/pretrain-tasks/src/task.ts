import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import type { Batch, Encoded, Encoder, Key, LossResult, Metric, MetricSum, ParamTree, Part } from '@wbdc/nn';

/** Sizes a head is built for; every encoder has them. */
export type Sizes = Pick<Encoder<ParamTree>, 'hiddenSize' | 'vocabSize' | 'frameSize'>;

/** How often each token and each tag occurs in the training data: what the trivial baselines know. */
export interface Corpus {
  /** `[V]` */
  readonly tokenCounts: ArrayLike<number>;
  /** `[T]` */
  readonly tagCounts: ArrayLike<number>;
}

/** A corrupted batch, and what to predict from it. */
export interface Corrupted<Target> {
  readonly batch: Batch;
  readonly target: Target;
}

/** What one process computes of a corrupted batch that several share. */
export interface Divided<Target> {
  /** Its rows, at least one: indices into the corrupted batch. */
  readonly rows: Int32Array;
  /** What is asked of those rows. Where a row is there for form's sake, nothing is. */
  readonly target: Target;
}

/** What a task computes its loss from. */
export interface LossInput<Head, Target> {
  readonly head: Head;
  readonly encoded: Encoded;
  readonly target: Target;
  /** `[V, D]`: the decoder of masked tokens is tied to them. */
  readonly wordEmbeddings: Tensor2D;
  /** Also give the metrics that need the predictions in host memory. */
  readonly evaluating: boolean;
  /** Factors of the terms of the loss by their names in {@link Task.asked}; 1 where nothing is said. */
  readonly share?: (term: string) => number;
  /**
   * The processes that share the batch; the encoded rows are this one's, and the target is a divided one. Tasks that
   * compare rows with one another gather them from all.
   */
  readonly communicator?: Communicator | undefined;
}

/**
 * A pretraining objective: one file, one value of this type, usable on any encoder.
 *
 * `corrupt` works on host memory, before the forward pass, so tasks that share a view of the batch corrupt it one
 * after another. `loss` is a pure function of tensors. Where nothing was asked (no token masked, no tag known) the
 * loss is 0.
 */
export interface Task<Head extends ParamTree = ParamTree, Target = unknown> {
  readonly name: string;
  /** Fresh parameters of the head. */
  init(key: Key, sizes: Sizes): Head;
  corrupt(batch: Batch, key: Key): Corrupted<Target>;
  /**
   * How many items each term of the loss is a mean over: `loss`, or the names of several. Over the batches of one
   * update a term is divided by what was asked in all of them, not a mean of means.
   */
  asked?(target: Target): Readonly<Record<string, number>>;
  loss(input: LossInput<Head, Target>): LossResult;
  /**
   * Parts of the head that are other tasks' heads, by the tasks' names: a plan that has those tasks puts them there,
   * and `init` makes none of its own.
   */
  readonly shares?: Readonly<Record<string, string>>;
  /**
   * The part of the work of one of several processes, each of which has corrupted the whole batch alike. `rows` are
   * what it computes by default: see {@link Divided.rows}. A task without it cannot be trained by several.
   */
  divide?(target: Target, batch: Batch, part: Part): Divided<Target>;
  /** What a predictor that ignores the input reaches on the same metrics, by the same names. */
  baseline(target: Target, corpus: Corpus): Readonly<Record<string, MetricSum>>;
}

/** The loss where nothing was asked: 0, yet a function of the parameters, so that it has a gradient (of zeros). */
export function noLoss({ cls }: Encoded): Scalar {
  return tf.mul(tf.sum(cls), 0);
}

/** A mean loss over so many items as a metric: what was not asked weighs nothing. */
export function lossMetric(mean: Scalar, count: number): Metric {
  return { mean, count };
}

/** A scalar times a number; itself where that is 1: a kernel of one value costs a GPU as much of the host as any. */
export function scaled(x: Scalar, factor: number): Scalar {
  return factor === 1 ? x : tf.mul(x, factor);
}
