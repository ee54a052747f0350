import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
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
import { gatherFromAll } from '@wbdc/train';
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
  /** `[N, N + M]`, of all processes: -1e9 where what a pair is compared with is no wrong answer, for `negatives`. */
  readonly hidden?: Float32Array;
  /** Where several processes share a batch: numbers of these videos in all of it, by which dropout draws. */
  readonly rows?: Int32Array;
  /** The same for losses that compare the pairs of all processes. */
  readonly shared?: SharedPairs;
}

/** What a process knows of a batch of pairs that several share. */
export interface SharedPairs {
  readonly communicator: Communicator;
  /** How many rows of the processes before this one the pairs are compared with, for `negatives`. */
  readonly first?: number;
  /** The labels of all pairs, by process, for `cosent`. */
  readonly labels?: Float32Array;
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
  const loss = (params: FinetuneParams<P>, pairs: PairBatch, key?: Key, share = 1): LossResult =>
    tf.tidy(() => {
      const dropout = withRows(key, pairs.rows);
      if (kind !== 'mse' && pairs.rows !== undefined && pairs.shared === undefined)
        throw new RangeError(`similarity: expected what several processes share with '${kind}', got none`);
      const error = (draws: readonly Draw[]): tf.Scalar => {
        const mean = meanOf(draws.map((draw) => errorOf(kind, draw, pairs)));
        return kind === 'negatives' ? tf.mul(mean, share) : mean;
      };
      const draws = drawsOf(params, pairs, dropout);
      const mse = meanOf(draws.map((draw) => meanSquare(draw.cosines, pairs.labels)));
      const count = pairs.labels.length;
      const metrics = { mse: { sum: tf.mul<tf.Scalar>(mse, count), count } };
      if (!dropout || rDrop === 0) return { loss: kind === 'mse' ? mse : error(draws), count, metrics };
      const again = drawsOf(params, pairs, foldIn(dropout, 'again'));
      const apart = meanOf(
        draws.map((draw, i) => tf.mean(tf.squaredDifference(draw.cosines, again[i].cosines)) as tf.Scalar),
      );
      return { loss: tf.add(error([...draws, ...again]), tf.mul(apart, rDrop * share)), count, metrics };
    });
  return {
    init: model.init,
    /** Unit vectors `[B, outputs]`. */
    embed: (params: FinetuneParams<P>, batch: Batch): Tensor2D =>
      tf.tidy(() => l2Normalize(model.apply(params, batch))),
    /**
     * @param share where several processes share the batch and the loss compares the pairs of all: the pairs of this
     *   one over the mean number of all. The mean of all processes' losses, with their gradients, is that of one.
     */
    loss,
  };
}

/** Unit vectors of a batch `[B, outputs]`, and the cosines of its pairs `[N]`, with one dropout. */
interface Draw {
  readonly vectors: Tensor2D;
  readonly cosines: Tensor1D;
}

function errorOf(kind: NonNullable<SimilarityOptions['loss']>, draw: Draw, pairs: PairBatch): tf.Scalar {
  const { left, right, labels, hard = new Int32Array(0), hidden, shared } = pairs;
  if (kind === 'mse') return meanSquare(draw.cosines, labels);
  if (kind === 'cosent') return cosentLoss(...cosinesOfAll(draw.cosines, labels, shared));
  const own = rowsOf(draw.vectors, Int32Array.of(...right, ...hard));
  const candidates = shared ? gatherFromAll(shared.communicator, own) : own;
  return rankingLoss(rowsOf(draw.vectors, left), candidates, hidden, undefined, shared?.first);
}

/** The cosines and labels of all processes' pairs. */
function cosinesOfAll(own: Tensor1D, labels: Float32Array, shared?: SharedPairs): [Tensor1D, Float32Array] {
  if (shared?.labels === undefined) return [own, labels];
  const all = gatherFromAll(shared.communicator, tf.reshape(own, [own.size, 1]));
  return [tf.reshape(all, [shared.labels.length]), shared.labels];
}

/** Of unit vectors `[B, outputs]` by pairs: `[N]`. */
function cosines(vectors: Tensor2D, { left, right }: PairBatch): Tensor1D {
  return tf.sum(tf.mul(rowsOf(vectors, left), rowsOf(vectors, right)), 1);
}

function rowsOf(vectors: Tensor2D, indices: Int32Array): Tensor2D {
  return tf.gather(vectors, tf.tensor1d(indices, 'int32'));
}
