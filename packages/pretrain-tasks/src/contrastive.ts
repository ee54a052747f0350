import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import {
  countCorrect,
  differentiable,
  l2Normalize,
  parameter,
  softmaxCrossEntropy,
  symmetricInfoNce,
  type LossResult,
} from '@wbdc/nn';
import { gatherFromAll } from '@wbdc/train';
import { takeTableRows } from './divide.js';

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

/** What a process has of two sets of matching rows that several share. */
export interface DividedRows {
  readonly communicator: Communicator;
  /** Rows `[Q, D]` of this process; more than `count` only where a row is there for form's sake. */
  readonly left: Tensor2D;
  readonly right: Tensor2D;
  /** `[M, D]`, the same on every process: further wrong answers for the left. */
  readonly past: Tensor2D | undefined;
  /** Q, and B of all processes. */
  readonly count: number;
  readonly total: number;
  /** Rows of the processes before this one. */
  readonly first: number;
}

/**
 * {@link contrastiveLoss} of the rows of one process, which look for their partners among the rows of all: a mean over
 * its own `[Q]`, with the gradient of every process's loss (as in open_clip and sentence-transformers).
 */
export function dividedContrastiveLoss(
  { communicator, left, right, past, count, total, first }: DividedRows,
  logScale: Scalar,
  { normalize = true, reduction = 'mean', hidden }: Pick<ContrastiveOptions, 'normalize'> & ContrastivePairs = {},
  names: readonly [string, string] = ['frames to text', 'text to frames'],
): LossResult {
  const unit = (x: Tensor2D): Tensor2D => (normalize ? l2Normalize(x) : x);
  const [ownLeft, ownRight] = [unit(left), unit(right)];
  const lefts = gatherFromAll(communicator, ownLeft, count); // [B, D]
  const current = gatherFromAll(communicator, ownRight, count); // [B, D]
  if (count === 0) {
    const nothing = tf.mul(tf.add(tf.sum(lefts), tf.sum(current)), 0) as Scalar; // takes part in the backward pass
    return { loss: nothing, count: 0, metrics: {} };
  }
  const rights: Tensor2D = past ? tf.concat([current, unit(past)]) : current; // [B + M, D]
  const width = rights.shape[0];
  const own = Int32Array.from({ length: count }, (_, i) => first + i);
  const scale = tf.exp(logScale);
  const compare = (rows: Tensor2D, all: Tensor2D, bias: Float32Array | undefined): Tensor2D => {
    const logits: Tensor2D = tf.mul(tf.matMul(rows, all, false, true), scale);
    return bias ? tf.add(logits, tf.tensor2d(bias, logits.shape)) : logits;
  };
  const forth = compare(ownLeft, rights, hidden && takeTableRows(hidden, width, own)); // [Q, B + M]
  const back = compare(ownRight, lefts, hidden && columnsOf(hidden, width, own, total)); // [Q, B]
  const sum: Scalar = tf.add(softmaxCrossEntropy(forth, own), softmaxCrossEntropy(back, own));
  const loss: Scalar = reduction === 'sum' ? sum : tf.mul(sum, 0.5);
  const metrics = {
    [names[0]]: { sum: countCorrect(forth, own), count },
    [names[1]]: { sum: countCorrect(back, own), count },
  };
  return { loss, count, metrics };
}

/** Some columns of a table `[B, width]` as rows `[Q, B]`. */
function columnsOf(table: Float32Array, width: number, columns: Int32Array, rows: number): Float32Array {
  const taken = new Float32Array(columns.length * rows);
  columns.forEach((column, i) => {
    for (let row = 0; row < rows; row++) taken[i * rows + row] = table[row * width + column];
  });
  return taken;
}
