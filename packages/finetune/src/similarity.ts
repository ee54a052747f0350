import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import {
  differentiable,
  foldIn,
  subKey,
  type Batch,
  type Encoder,
  type Key,
  type LossResult,
  type ParamTree,
} from '@wbdc/nn';
import { embed, newHead, type Head, type HeadConfig } from './heads.js';

export interface FinetuneParams<P extends ParamTree> {
  readonly encoder: P;
  readonly head: Head;
}

/** Videos of a batch in pairs: pair i are the rows `left[i]` and `right[i]`, so a video that stands twice is encoded once. */
export interface PairBatch {
  readonly batch: Batch;
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** What the cosine should be, in [0, 1]: see `rankNormalize`. */
  readonly labels: Float32Array;
}

/**
 * Similarity finetuning (AIAC 2021, rank 1): two embeddings, their cosine, mean squared error against the rank-normalised
 * label.
 */
export function similarityModel<P extends ParamTree>(encoder: Encoder<P>, options: Omit<HeadConfig, 'hiddenSize'>) {
  const config = { ...options, hiddenSize: encoder.hiddenSize };
  const embedBatch = (params: FinetuneParams<P>, batch: Batch, dropout?: Key): Tensor2D =>
    tf.tidy(() => {
      const encoded = encoder.encode(params.encoder, batch, dropout ? { dropout } : {});
      return embed(params.head, encoded, batch, config, subKey(dropout, 'head'));
    });
  return {
    init: (key: Key): FinetuneParams<P> => ({
      encoder: encoder.init(foldIn(key, 'encoder')),
      head: newHead(foldIn(key, 'head'), config),
    }),
    /** Unit vectors `[B, outputs]`. */
    embed: embedBatch,
    loss: (params: FinetuneParams<P>, { batch, left, right, labels }: PairBatch, dropout?: Key): LossResult =>
      tf.tidy(() => {
        const embeddings = embedBatch(params, batch, dropout);
        const rows = (indices: Int32Array): Tensor2D => tf.gather(embeddings, tf.tensor1d(indices, 'int32'));
        const cosines: Tensor1D = tf.sum(tf.mul(rows(left), rows(right)), 1);
        const loss = meanSquare(cosines, labels);
        return { loss, metrics: { mse: { sum: loss, count: 1 } } };
      }),
  };
}

function meanSquare(values: Tensor1D, targets: Float32Array): tf.Scalar {
  if (values.size !== targets.length) {
    throw new RangeError(`similarity: expected ${values.size} labels, got ${targets.length}`);
  }
  return differentiable<tf.Scalar>(
    [values],
    () => {
      const surplus = tf.sub(values, tf.tensor1d(targets));
      return { value: tf.mean(tf.square(surplus)) as tf.Scalar, saved: [surplus] };
    },
    (dy, [surplus]) => [tf.mul(surplus, tf.mul(dy, 2 / targets.length))],
  );
}
