import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import {
  countCorrect,
  foldIn,
  withRows,
  type Batch,
  type Encoder,
  type Key,
  type LossResult,
  type ParamTree,
} from '@wbdc/nn';
import { headed, type FinetuneParams } from './headed.js';
import type { HeadConfig } from './heads.js';
import { largestInRows, rowShares, targetRows, type Label } from './labels.js';
import { disagreement, meanOf, softCrossEntropy } from './losses.js';

export interface CategoryOptions extends Omit<HeadConfig, 'hiddenSize'> {
  /** Share of the truth spread over all classes: 0.1 in WBDC 2022. */
  readonly labelSmoothing?: number;
  /** Weight of R-Drop (Liang et al., arXiv 2106.14448): two passes with other dropout should agree. 0 leaves it out. */
  readonly rDrop?: number;
}

/** Labelled videos. */
export interface CategoryBatch {
  readonly batch: Batch;
  /** One a video: a class, or probabilities of the classes. */
  readonly labels: ArrayLike<Label>;
  /** How much each video counts in the loss; all the same where nothing is given. */
  readonly weights?: ArrayLike<number>;
  /** Where several processes share a batch: numbers of these videos in all of it, by which dropout draws. */
  readonly rows?: Int32Array;
}

/** Category finetuning (WBDC 2022): pool, a dense layer to the C level-2 classes, cross entropy. */
export function categoryModel<P extends ParamTree>(encoder: Encoder<P>, options: CategoryOptions) {
  const { labelSmoothing = 0, rDrop = 0, outputs } = options;
  const model = headed(encoder, options);
  const loss = (
    params: FinetuneParams<P>,
    { batch, labels, weights, rows: numbers }: CategoryBatch,
    key?: Key,
  ): LossResult =>
    tf.tidy(() => {
      const dropout = withRows(key, numbers);
      const rows = batch.ids.length;
      if (labels.length !== rows) throw new RangeError(`category: expected ${rows} labels, got ${labels.length}`);
      const targets = targetRows(labels, outputs, labelSmoothing);
      const shares = rowShares(rows, weights);
      const entropy = (draws: readonly Tensor2D[]): Scalar =>
        meanOf(draws.map((logits) => softCrossEntropy(logits, targets, shares)));
      const draws = model.draws(params, batch, dropout);
      const correct = countCorrect(meanOf(draws), largestInRows(targets, outputs));
      const metrics = { accuracy: { sum: correct, count: rows } };
      const count = weights === undefined ? rows : Array.from(weights).reduce((sum, weight) => sum + weight, 0);
      if (!dropout || rDrop === 0) return { loss: entropy(draws), count, metrics };
      const again = model.draws(params, batch, foldIn(dropout, 'again'));
      const apart = meanOf(draws.map((logits, i) => disagreement(logits, again[i], shares)));
      return { loss: tf.add(entropy([...draws, ...again]), tf.mul(apart, rDrop)), count, metrics };
    });
  return {
    init: model.init,
    loss,
    /** Probabilities `[B, C]`. */
    predict: (params: FinetuneParams<P>, batch: Batch): Tensor2D =>
      tf.tidy(() => tf.softmax(model.apply(params, batch))),
  };
}
