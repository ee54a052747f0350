import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { Pooling } from '@wbdc/finetune';
import { attentionRollout, type Batch, type Encoder } from '@wbdc/nn';
import type { VideoTextParams } from '../encoder.js';

/**
 * How much of each token and frame is in the state that a head reads `[1, L + F]`, by attention rollout; of one video,
 * whose row has no padding. Attention pooling counts as the mean: its own weights are left out.
 */
export function sharesOfPositions(
  encoder: Encoder<VideoTextParams>,
  params: VideoTextParams,
  batch: Batch,
  pooling: Pooling,
): Tensor2D {
  return tf.tidy(() => {
    const shares = attentionRollout(encoder, params, batch); // [1, L + F, L + F]
    const [, length] = batch.tokens.shape;
    const frames = shares.shape[1] - length;
    const mean = (from: number, count: number): Tensor2D =>
      tf.mean(tf.slice(shares, [0, from, 0], [1, count, -1]) as Tensor3D, 1); // [1, L + F]
    if (pooling === 'cls') return mean(0, 1);
    if (pooling !== 'both' || frames === 0) return mean(0, length + frames);
    return tf.mul(tf.add(mean(0, length), mean(length, frames)), 0.5);
  });
}
