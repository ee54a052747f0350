import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import {
  attentionBias,
  dropout,
  foldIn,
  joinColumns,
  linear,
  maskedSoftmax,
  meanPool,
  newLinear,
  subKey,
  type Batch,
  type Encoded,
  type Ints,
  type Key,
  type Linear,
} from '@wbdc/nn';

/**
 * `mean` over tokens and frames, `attention` with learned weights, `cls` alone, or `both` sides' means side by side.
 */
export type Pooling = 'mean' | 'attention' | 'cls' | 'both';

/** What scores positions in attention pooling: `Linear(D, 1)`, or `Linear(D, D), tanh, Linear(D, 1)` (AIAC 2021). */
export type AttentionForm = 'linear' | 'tanh';

export interface HeadConfig {
  readonly hiddenSize: number;
  readonly pooling: Pooling;
  /** Of attention pooling. Default `linear`. */
  readonly attention?: AttentionForm;
  /** Width of the output: 256 for embeddings, the number of categories, 200, for classes. */
  readonly outputs: number;
  /** Dropout before the last layer. */
  readonly dropout: number;
  /** Multi-sample dropout (Inoue, arXiv 1905.09788): the mean loss of so many draws. */
  readonly samples?: number;
  /** Width of a dense layer before the last one, as the pretraining's tags may have; null: none. */
  readonly hidden?: number | null;
  /** What stands before the last layer; null: nothing. */
  readonly activation?: 'relu' | null;
}

/** Pooling and a dense layer on top of an encoder. */
export interface Head {
  readonly output: Linear;
  /** Before it, where there is such a layer. */
  readonly hidden?: Linear;
  /** Scores positions, for attention pooling. */
  readonly attention?: Linear;
  /** Before it, with a tanh between. */
  readonly attentionHidden?: Linear;
}

export function newHead(key: Key, config: HeadConfig): Head {
  const { hiddenSize, pooling, attention = 'linear', outputs, hidden = null } = config;
  const width = pooling === 'both' ? 2 * hiddenSize : hiddenSize;
  const own = {
    output: newLinear(foldIn(key, 'output'), hidden ?? width, outputs),
    ...(hidden !== null && { hidden: newLinear(foldIn(key, 'hidden'), width, hidden) }),
  };
  if (pooling !== 'attention') return own;
  return {
    ...own,
    attention: newLinear(foldIn(key, 'attention'), hiddenSize, 1),
    ...(attention === 'tanh' && {
      attentionHidden: newLinear(foldIn(key, 'attentionHidden'), hiddenSize, hiddenSize),
    }),
  };
}

/** The head's output `[B, outputs]`: logits, or an embedding before its normalisation. */
export function applyHead(head: Head, encoded: Encoded, batch: Batch, config: HeadConfig): Tensor2D {
  return headDraws(head, encoded, batch, config)[0];
}

/**
 * The head's output for every draw of multi-sample dropout: one pooled state, so many masks before the last layer.
 * Their losses are averaged, not they. Without a key there is one output, with nothing dropped.
 */
export function headDraws(head: Head, encoded: Encoded, batch: Batch, config: HeadConfig, key?: Key): Tensor2D[] {
  const pooled = pool(head, encoded, batch, config.pooling); // [B, D] or [B, 2 D]
  return Array.from({ length: key ? (config.samples ?? 1) : 1 }, (_, i) => {
    const dropped = dropout(pooled, config.dropout, subKey(key, i));
    const read = head.hidden ? linear(dropped, head.hidden) : dropped;
    return linear(config.activation === 'relu' ? tf.relu(read) : read, head.output);
  });
}

function pool(head: Head, encoded: Encoded, batch: Batch, pooling: Pooling): Tensor2D {
  if (pooling === 'cls') return encoded.cls;
  if (pooling === 'both') {
    return tf.concat([meanPool(encoded.text, batch.textMask), meanPool(encoded.frames, batch.frameMask)], 1);
  }
  const states: Tensor3D = tf.concat([encoded.text, encoded.frames], 1); // [B, L + F, D]
  const mask = joinColumns(batch.textMask, batch.frameMask);
  return pooling === 'mean' ? meanPool(states, mask) : attentionPool(head, states, mask);
}

/** `sum_i softmax(w x_i)_i x_i` over the positions that the mask keeps; zero where none, as the mean. */
function attentionPool({ attention, attentionHidden }: Head, states: Tensor3D, mask: Ints): Tensor2D {
  const [size, length, width] = states.shape;
  const read: Tensor3D = attentionHidden ? tf.tanh(linear(states, attentionHidden)) : states; // [B, N, D]
  const scores: tf.Tensor4D = tf.reshape(linear(read, attention!), [size, 1, 1, length]);
  const weights = maskedSoftmax(scores, attentionBias(mask), 1); // [B, 1, 1, N]
  const pooled: Tensor2D = tf.reshape(tf.matMul(tf.reshape(weights, [size, 1, length]), states), [size, width]);
  const kept = Float32Array.from({ length: size }, (_, row) =>
    mask.data.subarray(row * length, (row + 1) * length).includes(1) ? 1 : 0,
  );
  return kept.includes(0) ? tf.mul(pooled, tf.tensor2d(kept, [size, 1])) : pooled;
}
