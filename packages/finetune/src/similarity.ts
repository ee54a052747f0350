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
import { cosentLoss, meanOf, meanSquare, rankingLoss } from './losses.js';

export interface SimilarityOptions extends Omit<HeadConfig, 'hiddenSize'> {
  /** Weight of R-Drop, for cosines the mean squared difference of two passes with other dropout. 0 leaves it out. */
  readonly rDrop?: number;
  /**
   * `mse`: cosines as their labels are (default); `cosent`: in the order of their labels; `negatives`: pairs find each
   * other among those of their batch, see `readRankingBatch`.
   */
  readonly loss?: 'mse' | 'cosent' | 'negatives';
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
  /** Rows of further wrong answers, M of them, for `negatives`. */
  readonly hard?: Int32Array;
  /** `[N, N + M]`: -1e9 where what a pair is compared with is no wrong answer, for `negatives`. */
  readonly hidden?: Float32Array;
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
  const drawsOf = (params: FinetuneParams<P>, pairs: PairBatch, dropout?: Key): Draw[] =>
    model.draws(params, pairs.batch, dropout).map((draw) => {
      const vectors = l2Normalize(draw);
      return { vectors, cosines: cosines(vectors, pairs) };
    });
  const loss = (params: FinetuneParams<P>, pairs: PairBatch, key?: Key): LossResult =>
    tf.tidy(() => {
      const dropout = withRows(key, pairs.rows);
      if (kind !== 'mse' && pairs.rows !== undefined)
        throw new RangeError(
          `similarity: expected 'mse' of several processes, got '${kind}', which compares all pairs`,
        );
      const error = (draws: readonly Draw[]): tf.Scalar => meanOf(draws.map((draw) => errorOf(kind, draw, pairs)));
      const draws = drawsOf(params, pairs, dropout);
      const mse = meanOf(draws.map((draw) => meanSquare(draw.cosines, pairs.labels)));
      const count = pairs.labels.length;
      const metrics = { mse: { sum: tf.mul<tf.Scalar>(mse, count), count } };
      if (!dropout || rDrop === 0) return { loss: kind === 'mse' ? mse : error(draws), count, metrics };
      const again = drawsOf(params, pairs, foldIn(dropout, 'again'));
      const apart = meanOf(
        draws.map((draw, i) => tf.mean(tf.squaredDifference(draw.cosines, again[i].cosines)) as tf.Scalar),
      );
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

/** Unit vectors of a batch `[B, outputs]`, and the cosines of its pairs `[N]`, with one dropout. */
interface Draw {
  readonly vectors: Tensor2D;
  readonly cosines: Tensor1D;
}

function errorOf(kind: NonNullable<SimilarityOptions['loss']>, draw: Draw, pairs: PairBatch): tf.Scalar {
  if (kind === 'mse') return meanSquare(draw.cosines, pairs.labels);
  if (kind === 'cosent') return cosentLoss(draw.cosines, pairs.labels);
  const { left, right, hard = new Int32Array(0), hidden } = pairs;
  return rankingLoss(rowsOf(draw.vectors, left), rowsOf(draw.vectors, Int32Array.of(...right, ...hard)), hidden);
}

/** Of unit vectors `[B, outputs]` by pairs: `[N]`. */
function cosines(vectors: Tensor2D, { left, right }: PairBatch): Tensor1D {
  return tf.sum(tf.mul(rowsOf(vectors, left), rowsOf(vectors, right)), 1);
}

function rowsOf(vectors: Tensor2D, indices: Int32Array): Tensor2D {
  return tf.gather(vectors, tf.tensor1d(indices, 'int32'));
}
