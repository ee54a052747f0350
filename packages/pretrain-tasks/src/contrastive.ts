import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import { countCorrect, differentiable, l2Normalize, parameter, symmetricInfoNce, type LossResult } from '@wbdc/nn';

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

/** How two sets of vectors are compared. */
export interface ContrastiveOptions {
  /**
   * `learned` (from 0.07, as CLIP), or fixed. WBDC's `ftc` had none, which is 1: the loss cannot fall below ln B - 2.
   */
  readonly temperature?: 'learned' | number;
  /** Compare unit vectors, as both originals did; false takes inner products as they are. */
  readonly normalize?: boolean;
}

/** Further settings of one comparison. */
export interface ContrastivePairs {
  /**
   * `[B, B + M]`: -1e9 where a row of `right` is no wrong answer for one of `left` ({@link hideEqual}), 0 elsewhere.
   */
  readonly hidden?: Float32Array | undefined;
  /** The losses of the two directions: their mean (CLIP), or their sum (WBDC's `ftc`). */
  readonly reduction?: 'mean' | 'sum';
}

/** What is learned of the comparison. */
export interface Temperature {
  /** The logarithm of the inverse temperature; nothing where it is fixed. */
  readonly logScale?: Scalar;
}

export function newTemperature(task: string, { temperature = 'learned' }: ContrastiveOptions): Temperature {
  assertTemperature(task, temperature);
  if (temperature !== 'learned') return {};
  return { logScale: parameter(new Float32Array([INITIAL_LOG_SCALE]), []) as tf.Tensor as Scalar };
}

export function assertTemperature(task: string, temperature: 'learned' | number): void {
  if (temperature !== 'learned' && !(temperature > 0)) {
    throw new RangeError(`${task}: expected 'learned' or a temperature above 0, got ${temperature}`);
  }
}

/** The logarithm of the inverse temperature: of the options, or learned and in its bounds. */
export function logScaleOf({ logScale }: Temperature, { temperature }: ContrastiveOptions): Scalar {
  return logScale ? clampLogScale(logScale) : tf.scalar(-Math.log(temperature as number));
}

/**
 * The contrastive loss of CLIP (arXiv 2103.00020) for matching rows of two sets of vectors `[B, D]` of any length, with
 * the share of the left (and of the right) whose partner is the most similar of the batch. `logScale` is the
 * logarithm of the inverse temperature. `right` may have more rows `[B + M, D]`: further wrong answers.
 */
export function contrastiveLoss(
  left: Tensor2D,
  right: Tensor2D,
  logScale: Scalar,
  options: Pick<ContrastiveOptions, 'normalize'> & ContrastivePairs = {},
  names: readonly [string, string] = ['frames to text', 'text to frames'],
): LossResult {
  const { normalize = true, reduction = 'mean', hidden } = options;
  const count = left.shape[0];
  const unit = (x: Tensor2D): Tensor2D => (normalize ? l2Normalize(x) : x);
  const bias = hidden && tf.tensor2d(hidden, [count, right.shape[0]]);
  const { loss: mean, logits } = symmetricInfoNce(unit(left), unit(right), logScale, bias);
  const loss: Scalar = reduction === 'sum' ? tf.mul(mean, 2) : mean;
  const diagonal = Int32Array.from({ length: count }, (_, i) => i);
  const metrics = {
    [names[0]]: { sum: countCorrect(logits, diagonal), count },
    [names[1]]: { sum: countCorrect(tf.transpose(tf.slice(logits, [0, 0], [count, count])), diagonal), count },
  };
  return { loss, count, metrics };
}
