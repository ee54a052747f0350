import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { differentiable, softmaxCrossEntropy } from '@wbdc/nn';

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

/**
 * The same of logits `[N, T]` of which each answers a question of its own: half of KL(p, q) + KL(q, p) of two Bernoulli
 * distributions, which is `(p - q) (x - y) / 2` of their logits x and y; the mean of all.
 */
export function disagreementOfEach(left: Tensor2D, right: Tensor2D): Scalar {
  const apart = tf.mul(tf.sub(tf.sigmoid(left), tf.sigmoid(right)), tf.sub(left, right));
  return tf.mul(tf.mean(apart), 0.5);
}

/**
 * CoSENT of cosines `[N]` (Su, kexue.fm/archives/8847): `log(1 + sum exp(scale (cos_i - cos_j)))` over all pairs of
 * which i has a smaller label than j. Only the order of the labels counts, as for Spearman; equal ones say nothing of
 * each other. sentence-transformers' `CoSENTLoss`, whose scale of 20 is the default.
 */
export function cosentLoss(cosines: Tensor1D, labels: Float32Array, scale = 20): Scalar {
  const count = labels.length;
  if (cosines.size !== count) throw new RangeError(`similarity: expected ${cosines.size} labels, got ${count}`);
  const ordered = Float32Array.from({ length: count * count }, (_, k) =>
    labels[Math.floor(k / count)] < labels[k % count] ? 0 : -1e12,
  );
  const apart = tf.sub(tf.reshape(cosines, [count, 1]), tf.reshape(cosines, [1, count])); // [N, N]
  const terms = tf.add(tf.mul(apart, scale), tf.tensor2d(ordered, [count, count])); // [N, N]
  return tf.logSumExp(tf.concat([tf.zeros([1]), tf.reshape(terms, [count * count])]));
}

/**
 * In-batch negatives (Henderson et al., arXiv 1705.00652) of unit vectors: each of `left` `[N, E]` has to find its own
 * row of `candidates` `[N + M, E]`, the one of the same number, among all by its cosine times a scale. Those behind are
 * hard negatives. sentence-transformers' `MultipleNegativesRankingLoss`, whose scale of 20 is the default.
 *
 * @param hidden `[N, N + M]`: -1e9 where a candidate is no wrong answer, 0 elsewhere
 * @param first where the own row of the first of `left` stands
 */
export function rankingLoss(
  left: Tensor2D,
  candidates: Tensor2D,
  hidden?: Float32Array,
  scale = 20,
  first = 0,
): Scalar {
  const cosines: Tensor2D = tf.mul(tf.matMul(left, candidates, false, true), scale); // [N, N + M]
  const [count, all] = cosines.shape;
  const bias = tf.tensor2d(hidden ?? new Float32Array(count * all), [count, all]);
  const logits: Tensor2D = tf.add(cosines, bias); // [N, N + M]
  return softmaxCrossEntropy(
    logits,
    Int32Array.from({ length: count }, (_, i) => first + i),
  );
}

/** How much each side of the labels counts in {@link asymmetricLoss}. */
export interface Asymmetry {
  /** Focusing of labels that are true: 0 or 1 in the paper. */
  readonly gammaPositive: number;
  /** Focusing of those that are not: 4; the larger, the less the easy ones count. */
  readonly gammaNegative: number;
  /** Probabilities of labels that are not true count from here on: 0.05. */
  readonly clip: number;
}

/**
 * The asymmetric loss of multi-label classification (Ridnik et al., arXiv 2009.14119) of logits `[N, T]`: with
 * `p = sigmoid(x)` and `q = max(p - clip, 0)`, the mean of `-(1 - p)^gammaPositive log p` where a label is true and of
 * `-q^gammaNegative log(1 - q)` where it is not. The paper sums; a mean keeps learning rates. Gradients go through the
 * focusing factors too, as the equations say; the authors' code has that as an option.
 */
export function asymmetricLoss(logits: Tensor2D, truth: Tensor2D, asymmetry: Asymmetry): Scalar {
  const { gammaPositive, gammaNegative, clip } = asymmetry;
  const p = tf.sigmoid(logits);
  const moved = tf.relu(tf.sub(p, clip)); // [N, T]
  const right = tf.mul(focus(tf.sub(1, p), gammaPositive), logSigmoid(logits)); // [N, T]
  const logOfRest = clip === 0 ? logSigmoid(tf.neg(logits)) : tf.log(tf.sub(1, moved)); // at least log(clip)
  const wrong = tf.mul(focus(moved, gammaNegative), logOfRest); // [N, T]
  return tf.neg(tf.mean(tf.add(tf.mul(truth, right), tf.mul(tf.sub(1, truth), wrong))));
}

/** tfjs's own has a gradient that reads a tensor which is gone by then. */
function logSigmoid<T extends Tensor>(x: T): T {
  return tf.neg(tf.softplus(tf.neg(x)));
}

/** `x^gamma`, of x in [0, 1]. */
function focus(x: Tensor, gamma: number): Tensor | Scalar {
  if (gamma === 0) return tf.scalar(1);
  return gamma === 1 ? x : tf.pow(x, gamma);
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
