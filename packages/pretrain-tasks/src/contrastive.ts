import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import { countCorrect, differentiable, l2Normalize, symmetricInfoNce, type LossResult } from '@wbdc/nn';

/** Start and bound of the learnable temperature, as in CLIP: 0.07, and at least 0.01. */
export const INITIAL_LOG_SCALE = Math.log(1 / 0.07);
const MAX_LOG_SCALE = Math.log(100);

/** Keeps the temperature in its bounds, yet lets a gradient through that leads back inside. */
export function clampLogScale(logScale: Scalar): Scalar {
  return differentiable(
    [logScale],
    () => ({ value: tf.minimum(logScale, MAX_LOG_SCALE), saved: [] }),
    (dy) => [dy],
  );
}

/**
 * The contrastive loss of CLIP (arXiv 2103.00020) for matching rows of two sets of vectors `[B, D]` of any length, with
 * the share of the left (and of the right) whose own partner is the most similar of the batch. `logScale` is the
 * logarithm of the inverse temperature. `right` may have more rows `[B + N, D]`: further wrong answers.
 */
export function contrastiveLoss(
  left: Tensor2D,
  right: Tensor2D,
  logScale: Scalar,
  names: readonly [string, string] = ['frames to text', 'text to frames'],
): LossResult {
  const count = left.shape[0];
  const { loss, logits } = symmetricInfoNce(l2Normalize(left), l2Normalize(right), clampLogScale(logScale));
  const own = Int32Array.from({ length: count }, (_, i) => i);
  const metrics = {
    [names[0]]: { sum: countCorrect(logits, own), count },
    [names[1]]: { sum: countCorrect(tf.transpose(tf.slice(logits, [0, 0], [count, count])), own), count },
  };
  return { loss, metrics };
}
