import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { differentiable } from '@wbdc/nn';

/**
 * Cross entropy of logits `[B, C]` against rows of probabilities, averaged with the rows' shares `[B]`: PyTorch's
 * `cross_entropy` with probabilities.
 */
export function softCrossEntropy(logits: Tensor2D, targets: Float32Array, shares: Float32Array): Scalar {
  return differentiable<Scalar>(
    [logits],
    () => {
      const logProbabilities = tf.logSoftmax(logits);
      const truth = tf.mul(tf.tensor2d(targets, logits.shape), tf.tensor2d(shares, [shares.length, 1])); // [B, C]
      return { value: tf.neg(tf.sum(tf.mul(truth, logProbabilities))) as Scalar, saved: [logProbabilities, truth] };
    },
    (dy, [logProbabilities, truth]) => {
      const weighted = tf.mul(tf.exp(logProbabilities), tf.tensor2d(shares, [shares.length, 1]));
      return [tf.mul(tf.sub(weighted, truth), dy)];
    },
  );
}

/**
 * Half of KL(p, q) + KL(q, p) of two sets of logits `[B, C]`, averaged with the rows' shares: the second term of R-Drop
 * (Liang et al., arXiv 2106.14448). Both sides learn.
 */
export function disagreement(left: Tensor2D, right: Tensor2D, shares: Float32Array): Scalar {
  const [p, q] = [tf.logSoftmax(left), tf.logSoftmax(right)];
  const rows = tf.sum(tf.mul(tf.sub(tf.exp(p), tf.exp(q)), tf.sub(p, q)), 1); // [B]
  return tf.mul(tf.sum(tf.mul(rows, tf.tensor1d(shares))), 0.5);
}

/** Mean of the squared differences of values `[N]` from their targets. */
export function meanSquare(values: Tensor1D, targets: Float32Array): Scalar {
  if (values.size !== targets.length) {
    throw new RangeError(`similarity: expected ${values.size} labels, got ${targets.length}`);
  }
  return differentiable<Scalar>(
    [values],
    () => {
      const surplus = tf.sub(values, tf.tensor1d(targets));
      return { value: tf.mean(tf.square(surplus)) as Scalar, saved: [surplus] };
    },
    (dy, [surplus]) => [tf.mul(surplus, tf.mul(dy, 2 / targets.length))],
  );
}

/** The mean of tensors of one shape. */
export function meanOf<T extends Tensor>(values: readonly T[]): T {
  return values.length === 1 ? values[0] : tf.div(tf.addN([...values]), values.length);
}
