import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import {
  foldIn,
  l2Normalize,
  withRows,
  type Batch,
  type Encoder,
  type Key,
  type LossResult,
  type ParamTree,
} from '@wbdc/nn';
import { headed, type FinetuneParams } from './headed.js';
import type { HeadConfig } from './heads.js';
import { cosentLoss, meanOf, meanSquare } from './losses.js';

export interface SimilarityOptions extends Omit<HeadConfig, 'hiddenSize'> {
  /** Weight of R-Drop, for cosines the mean squared difference of two passes with other dropout. 0 leaves it out. */
  readonly rDrop?: number;
  /** `mse`: cosines as their labels are (default); `cosent`: in the order of their labels. */
  readonly loss?: 'mse' | 'cosent';
}

/**
 * Videos of a batch in pairs: pair i are the rows `left[i]` and `right[i]`, so a video that stands twice is encoded
 * once.
 */
export interface PairBatch {
  readonly batch: Batch;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** What the cosine should be, in [0, 1]: see `rankNormalize`. */
  readonly labels: Float32Array;
  /** Where several processes share a batch: numbers of these videos in all of it, by which dropout draws. */
  readonly rows?: Int32Array;
}

/**
 * Similarity finetuning (AIAC 2021, rank 1): two embeddings, their cosine, mean squared error against the
 * rank-normalised label, or CoSENT, by the order of the labels.
 */
export function similarityModel<P extends ParamTree>(encoder: Encoder<P>, options: SimilarityOptions) {
  const { rDrop = 0, loss: kind = 'mse' } = options;
  const model = headed(encoder, options);
  const drawsOf = (params: FinetuneParams<P>, pairs: PairBatch, dropout?: Key): Tensor1D[] =>
    model.draws(params, pairs.batch, dropout).map((vectors) => cosines(l2Normalize(vectors), pairs));
  const loss = (params: FinetuneParams<P>, pairs: PairBatch, key?: Key): LossResult =>
    tf.tidy(() => {
      const dropout = withRows(key, pairs.rows);
      if (kind === 'cosent' && pairs.rows !== undefined)
        throw new RangeError("similarity: expected 'mse' of several processes, got 'cosent', which compares all pairs");
      const mean = (of: typeof meanSquare, draws: readonly Tensor1D[]): tf.Scalar =>
        meanOf(draws.map((draw) => of(draw, pairs.labels)));
      const error = (draws: readonly Tensor1D[]): tf.Scalar => mean(kind === 'mse' ? meanSquare : cosentLoss, draws);
      const draws = drawsOf(params, pairs, dropout);
      const mse = mean(meanSquare, draws);
      const count = pairs.labels.length;
      const metrics = { mse: { sum: tf.mul<tf.Scalar>(mse, count), count } };
      if (!dropout || rDrop === 0) return { loss: kind === 'mse' ? mse : error(draws), count, metrics };
      const again = drawsOf(params, pairs, foldIn(dropout, 'again'));
      const apart = meanOf(draws.map((draw, i) => tf.mean(tf.squaredDifference(draw, again[i])) as tf.Scalar));
      return { loss: tf.add(error([...draws, ...again]), tf.mul(apart, rDrop)), count, metrics };
    });
  return {
    init: model.init,
    /** Unit vectors `[B, outputs]`. */
    embed: (params: FinetuneParams<P>, batch: Batch): Tensor2D =>
      tf.tidy(() => l2Normalize(model.apply(params, batch))),
    loss,
  };
}

/** Of unit vectors `[B, outputs]` by pairs: `[N]`. */
function cosines(vectors: Tensor2D, { left, right }: PairBatch): Tensor1D {
  const rows = (indices: Int32Array): Tensor2D => tf.gather(vectors, tf.tensor1d(indices, 'int32'));
  return tf.sum(tf.mul(rows(left), rows(right)), 1);
}
