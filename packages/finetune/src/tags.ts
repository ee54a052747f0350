import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import {
  foldIn,
  sigmoidCrossEntropy,
  withRows,
  type Batch,
  type Encoder,
  type Key,
  type LossResult,
  type ParamTree,
} from '@wbdc/nn';
import { headed, type FinetuneParams } from './headed.js';
import type { HeadConfig } from './heads.js';
import { asymmetricLoss, disagreementOfEach, meanOf, type Asymmetry } from './losses.js';

export interface TagModelOptions extends Omit<HeadConfig, 'hiddenSize'> {
  /** Binary cross entropy where nothing is given. */
  readonly asymmetry?: Asymmetry | null;
  /** Weight of R-Drop (Liang et al., arXiv 2106.14448): two passes with other dropout should agree. 0 leaves it out. */
  readonly rDrop?: number;
}

/** Videos with tags. */
export interface TagBatch {
  readonly batch: Batch;
  /** Where several processes share a batch: numbers of these videos in all of it, by which dropout draws. */
  readonly rows?: Int32Array;
}

/** Tag finetuning: pool, a dense layer to the T tags, each a question of its own. */
export function tagModel<P extends ParamTree>(encoder: Encoder<P>, options: TagModelOptions) {
  const { outputs, asymmetry = null, rDrop = 0 } = options;
  const model = headed(encoder, options);
  const lossOf = (logits: Tensor2D, truth: Tensor2D): Scalar =>
    asymmetry === null ? sigmoidCrossEntropy(logits, truth) : asymmetricLoss(logits, truth, asymmetry);
  const loss = (params: FinetuneParams<P>, { batch, rows }: TagBatch, key?: Key): LossResult =>
    tf.tidy(() => {
      const dropout = withRows(key, rows);
      const truth = tagTruth(batch, outputs);
      const draws = model.draws(params, batch, dropout);
      const target = tf.tensor2d(truth, [batch.ids.length, outputs]);
      const error = (all: readonly Tensor2D[]): Scalar => meanOf(all.map((logits) => lossOf(logits, target)));
      const count = batch.ids.length;
      if (!dropout || rDrop === 0) return { loss: error(draws), count, metrics: {} };
      const again = model.draws(params, batch, foldIn(dropout, 'again'));
      const apart = meanOf(draws.map((logits, i) => disagreementOfEach(logits, again[i])));
      return { loss: tf.add(error([...draws, ...again]), tf.mul(apart, rDrop)), count, metrics: {} };
    });
  return {
    init: model.init,
    loss,
    /** Probabilities `[B, T]`. */
    predict: (params: FinetuneParams<P>, batch: Batch): Tensor2D =>
      tf.tidy(() => tf.sigmoid(model.apply(params, batch))),
  };
}

/**
 * 1 where a video of a batch has a tag, row by row `[B, T]`.
 *
 * @throws RangeError where the batch names no tags, or one that there is not
 */
export function tagTruth({ tags, ids }: Pick<Batch, 'tags' | 'ids'>, count: number): Float32Array {
  if (tags === undefined) throw new RangeError('tags: expected a batch with tags, got one without');
  const truth = new Float32Array(ids.length * count);
  ids.forEach((id, row) => {
    for (const index of tags[row]) {
      if (index < 0 || index >= count)
        throw new RangeError(`tags: expected indices below ${count}, got ${index} for ${id}`);
      truth[row * count + index] = 1;
    }
  });
  return truth;
}
