import * as tf from '@tensorflow/tfjs';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import { floats, foldIn, type Batch, type Context, type Encoder, type ParamTree } from '@wbdc/nn';
import type { ClipVision, ClipVisionParams } from './clip-vision.js';

/** Parameters of an encoder, and of the tower in front of it. */
export type WithTower<P extends ParamTree> = P & { readonly vision: ClipVisionParams };

/**
 * An encoder that reads pixels, end to end: the tower's states of the frames take the place of stored features, and
 * gradients reach the tower. As any other it can be pretrained and finetuned; a frame of its batches is a flat,
 * normalised picture, `[B, F, 3 S S]`. Only frames that the mask keeps pass through the tower.
 */
export function encodingPixels<P extends ParamTree>(
  tower: ClipVision,
  encoder: Encoder<P>,
  output: 'pooled' | 'projected' = 'pooled',
): Encoder<WithTower<P>> {
  const { imageSize, width, projection } = tower.config;
  const features = output === 'pooled' ? width : projection;
  if (encoder.frameSize !== features) {
    throw new RangeError(
      `expected an encoder of the tower's ${output} features of ${features}, got ${encoder.frameSize}`,
    );
  }
  return {
    hiddenSize: encoder.hiddenSize,
    vocabSize: encoder.vocabSize,
    frameSize: 3 * imageSize ** 2,
    init: (key) => ({ ...encoder.init(key), vision: tower.init(foldIn(key, 'vision')) }),
    encode: (params, batch, context) =>
      tf.tidy(() => {
        const frames = featuresOf(tower, params.vision, batch, output, context); // [B, F, Dv]
        return { ...encoder.encode(params, { ...batch, frames: floats(frames.shape) }, { ...context, frames }) };
      }),
    wordEmbeddings: (params) => encoder.wordEmbeddings(params),
  };
}

/** Features `[B, F, Dv]` of a batch of pixels, zero where padded. */
function featuresOf(
  tower: ClipVision,
  params: ClipVisionParams,
  batch: Batch,
  output: 'pooled' | 'projected',
  context: Context,
): Tensor3D {
  const { imageSize } = tower.config;
  const width = output === 'pooled' ? tower.config.width : tower.config.projection!;
  const [size, columns, values] = batch.frames.shape;
  const places = [...batch.frameMask.data.keys()].filter((place) => batch.frameMask.data[place] === 1);
  if (places.length === 0) return tf.zeros([size, columns, width]);
  if (values !== 3 * imageSize ** 2) {
    throw new RangeError(`expected pixels [B, F, 3 x ${imageSize} x ${imageSize}], got ${values} values a frame`);
  }
  const pixels = new Float32Array(places.length * values);
  places.forEach((place, i) =>
    pixels.set(batch.frames.data.subarray(place * values, (place + 1) * values), i * values),
  );
  const images: Tensor4D = tf.tensor4d(pixels, [places.length, 3, imageSize, imageSize]);
  const features = tower.pool(params, images, context)[output]!; // [N, Dv]
  // Padding takes a row of zeros that stands behind the others.
  const rows = new Int32Array(size * columns).fill(places.length);
  places.forEach((place, i) => (rows[place] = i));
  const padded = tf.concat([features, tf.zeros([1, width])], 0); // [N + 1, Dv]
  return tf.reshape(tf.gather(padded, tf.tensor1d(rows, 'int32')), [size, columns, width]);
}
