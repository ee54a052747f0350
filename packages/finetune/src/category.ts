import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import {
  countCorrect,
  differentiable,
  foldIn,
  subKey,
  type Batch,
  type Encoder,
  type Key,
  type LossResult,
  type ParamTree,
} from '@wbdc/nn';
import { applyHead, newHead, type HeadConfig } from './heads.js';
import type { FinetuneParams } from './similarity.js';

export interface CategoryOptions extends Omit<HeadConfig, 'hiddenSize'> {
  /** Share of the truth spread over all classes: 0.1 in WBDC 2022. */
  readonly labelSmoothing?: number;
  /** Weight of R-Drop (Liang et al., arXiv 2106.14448): two passes with other dropout should agree. 0 leaves it out. */
  readonly rDrop?: number;
}

/** Labelled videos: a class each, or a distribution over the classes (an ensemble's opinion, for distillation). */
export interface CategoryBatch {
  readonly batch: Batch;
  /** Class indices `[B]`, or probabilities `[B, C]`. */
  readonly labels: Int32Array | Float32Array;
}

/** Category finetuning (WBDC 2022): pool, a dense layer to the C level-2 classes, cross entropy. */
export function categoryModel<P extends ParamTree>(encoder: Encoder<P>, options: CategoryOptions) {
  const { labelSmoothing = 0, rDrop = 0, outputs } = options;
  const config = { ...options, hiddenSize: encoder.hiddenSize };
  const logitsOf = (params: FinetuneParams<P>, batch: Batch, dropout?: Key): Tensor2D => {
    const encoded = encoder.encode(params.encoder, batch, dropout ? { dropout } : {});
    return applyHead(params.head, encoded, batch, config, subKey(dropout, 'head'));
  };
  const loss = (params: FinetuneParams<P>, { batch, labels }: CategoryBatch, dropout?: Key): LossResult =>
    tf.tidy(() => {
      const targets = distributions(labels, batch.ids.length, outputs, labelSmoothing);
      const logits = logitsOf(params, batch, dropout);
      const classes = labels instanceof Int32Array ? labels : mostLikely(labels, outputs);
      const metrics = { accuracy: { sum: countCorrect(logits, classes), count: classes.length } };
      if (!dropout || rDrop === 0) return { loss: softCrossEntropy(logits, targets), metrics };
      const again = logitsOf(params, batch, foldIn(dropout, 'again'));
      const truth = tf.mul(tf.add(softCrossEntropy(logits, targets), softCrossEntropy(again, targets)), 0.5);
      return { loss: tf.add(truth, tf.mul(disagreement(logits, again), rDrop)), metrics };
    });
  return {
    init: (key: Key): FinetuneParams<P> => ({
      encoder: encoder.init(foldIn(key, 'encoder')),
      head: newHead(foldIn(key, 'head'), config),
    }),
    loss,
    /** Probabilities `[B, C]`. */
    predict: (params: FinetuneParams<P>, batch: Batch): Tensor2D => tf.tidy(() => tf.softmax(logitsOf(params, batch))),
  };
}

/** Rows of target probabilities: given, or 1 at the class, smoothed. */
function distributions(
  labels: CategoryBatch['labels'],
  rows: number,
  classes: number,
  smoothing: number,
): Float32Array {
  if (labels instanceof Float32Array) {
    if (labels.length === rows * classes) return labels;
    throw new RangeError(`category: expected ${rows} x ${classes} probabilities, got ${labels.length}`);
  }
  if (labels.length !== rows) throw new RangeError(`category: expected ${rows} labels, got ${labels.length}`);
  const targets = new Float32Array(rows * classes).fill(smoothing / classes);
  labels.forEach((label, row) => {
    if (!(label >= 0 && label < classes)) {
      throw new RangeError(`category: expected labels in [0, ${classes}), got ${label} in row ${row}`);
    }
    targets[row * classes + label] += 1 - smoothing;
  });
  return targets;
}

/** The class of the largest probability in each row `[B, C]`. */
function mostLikely(probabilities: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: probabilities.length / classes }, (_, row) => {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    return own.reduce((best, value, place) => (value > own[best] ? place : best), 0);
  });
}

/** Mean cross entropy of logits `[B, C]` against distributions: PyTorch's `cross_entropy` with probabilities. */
function softCrossEntropy(logits: Tensor2D, targets: Float32Array): Scalar {
  return differentiable<Scalar>(
    [logits],
    () => {
      const logProbabilities = tf.logSoftmax(logits);
      const truth = tf.tensor2d(targets, logits.shape);
      const value = tf.neg(tf.div(tf.sum(tf.mul(truth, logProbabilities)), logits.shape[0]));
      return { value: value as Scalar, saved: [logProbabilities, truth] };
    },
    (dy, [logProbabilities, truth]) => [tf.mul(tf.sub(tf.exp(logProbabilities), truth), tf.div(dy, logits.shape[0]))],
  );
}

/** Symmetric Kullback-Leibler divergence of two rows of logits, mean over rows: R-Drop's second term. */
function disagreement(left: Tensor2D, right: Tensor2D): Scalar {
  const [p, q] = [tf.logSoftmax(left), tf.logSoftmax(right)];
  const both = tf.sum(tf.mul(tf.sub(tf.exp(p), tf.exp(q)), tf.sub(p, q))); // KL(p, q) + KL(q, p)
  return tf.div(both, 2 * left.shape[0]);
}

/**
 * Rare-class correction of predicted probabilities, in place and without renormalising: `p_c (10 / count_c + 1)`, worth
 * 0.3 to 0.6 points of macro-F1 to other teams. `counts` are the training samples of each class.
 */
export function favourRareClasses(probabilities: Float32Array, counts: ArrayLike<number>, strength = 10): void {
  for (let i = 0; i < probabilities.length; i++) {
    probabilities[i] *= strength / Math.max(1, counts[i % counts.length]) + 1;
  }
}
