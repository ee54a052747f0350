import * as tf from '@tensorflow/tfjs';
import type { ClipVision, ClipVisionParams } from '@wbdc/clip-model';

/** Features `[N, D]` of normalised pixels `[N, 3, S, S]`; what it is given is only good until it answers. */
export type ComputeFeatures = (pixels: Float32Array, count: number) => Promise<Float32Array>;

/** A tower and what of its output is wanted. */
export interface TowerOutput {
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
  /** `pooled` (the default) gives D values a frame, `projected` E. */
  readonly output?: 'pooled' | 'projected';
}

/**
 * The tower on tfjs's engine. A picture alone gets company: products with a single row add up in another order, and a
 * video's features must not depend on what was in its batch.
 */
export function towerFeatures({ tower, params, output = 'pooled' }: TowerOutput): ComputeFeatures {
  const { imageSize: size } = tower.config;
  return async (pixels, count) => {
    const result = tf.tidy(() => {
      const images = new Float32Array(Math.max(2, count) * size ** 2 * 3); // a copy: engines may keep it
      images.set(pixels);
      return tower.pool(params, tf.tensor4d(images, [Math.max(2, count), 3, size, size]))[output]!;
    });
    try {
      return Float32Array.from((await result.data()).subarray(0, count * result.shape[1]));
    } finally {
      result.dispose();
    }
  };
}
