import * as tf from '@tensorflow/tfjs';
import {
  flatten,
  floats,
  foldIn,
  frameFeatures,
  ints,
  linear,
  newLinear,
  randomKey,
  type Batch,
  type Encoder,
  type Linear,
} from '@wbdc/nn';
import { beforeEach, describe, expect, it } from 'vitest';
import { PARITY_BATCH } from '../../../tools/encoder-parity.js';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { clipVision, encodingPixels } from '../src/index.js';

const tower = clipVision({ imageSize: 6, patchSize: 3, width: 10, layers: 2, heads: 2, intermediateSize: 14 });
const PIXELS = 3 * 6 * 6;

/** Projects features and nothing more: what the tower gives can be read off. */
const encoder: Encoder<{ readonly projection: Linear }> = {
  hiddenSize: 7,
  vocabSize: 23,
  frameSize: 10,
  init: (key) => ({ projection: newLinear(key, 10, 7) }),
  encode: ({ projection }, batch, context) => {
    const frames = linear(frameFeatures(batch, context), projection);
    return { text: tf.zeros([3, 7, 7]), frames, cls: tf.zeros([3, 7]) };
  },
  wordEmbeddings: () => tf.zeros([23, 7]),
};
const pixelEncoder = encodingPixels(tower, encoder);

/** The parity batch's masks: 3, 5 and 0 frames. */
const batch: Batch = { ...PARITY_BATCH, frames: floats([3, 5, PIXELS], wave(3 * 5 * PIXELS, 0.25, 1)) };

describe.each(ENGINES)('an encoder of pixels on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  /** The same in two steps: every frame through the tower on its own, then the encoder of features. */
  function inSteps(params: ReturnType<typeof pixelEncoder.init>, of: Batch): tf.Tensor3D {
    const rows = Array.from(of.frameMask.data, (kept, place) => {
      if (!kept) return tf.zeros([1, 10]);
      const picture = of.frames.data.slice(place * PIXELS, (place + 1) * PIXELS);
      return tower.forward(params.vision, tf.tensor4d(picture, [1, 3, 6, 6])).pooled;
    });
    const frames = tf.reshape(tf.concat(rows, 0), [3, 5, 10]) as tf.Tensor3D;
    return encoder.encode(params, { ...of, frames: floats([3, 5, 10]) }, { frames }).frames;
  }

  it.each([false, true])('gives the tower gradients as two steps do, recomputing: %s', (recompute) => {
    const params = pixelEncoder.init(randomKey(3));
    fillWithWaves(flatten(params));
    const leaves = flatten(params).map(({ leaf }) => leaf);
    const weight = tf.tensor3d(wave(3 * 5 * 7, 1.5, 1), [3, 5, 7]);
    const run = (f: () => tf.Tensor3D): tf.Tensor[] => {
      const { value, grads } = tf.valueAndGrads(() => tf.sum(tf.mul(f(), weight)))(leaves);
      return [value, ...grads];
    };
    const together = run(() => pixelEncoder.encode(params, batch, { recompute }).frames);
    const apart = run(() => inSteps(params, batch));
    expect(flatten(params).filter(({ path }) => path.startsWith('vision.')).length).toBeGreaterThan(30);
    together.forEach((value, i) => expect(distance(value.dataSync(), apart[i].dataSync())).toBeLessThan(1e-4));
    const patch = flatten(params).findIndex(({ path }) => path === 'vision.patch');
    expect(Math.max(...apart[patch + 1].dataSync())).toBeGreaterThan(0.01);
  });

  it('does not see pixels of padding, and leaves no tensor behind', () => {
    const params = pixelEncoder.init(randomKey(3));
    const noisy = { ...batch, frames: floats(batch.frames.shape, batch.frames.data.slice()) };
    noisy.frames.data.fill(99, 3 * PIXELS, 5 * PIXELS);
    const before = tf.memory().numTensors;
    const [clean, dirty] = [batch, noisy].map((of) =>
      tf.tidy(() => pixelEncoder.encode(params, of, {}).frames.dataSync().slice()),
    );
    expect(dirty).toEqual(clean);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('gives projected features where asked', () => {
    const wide = clipVision({ ...tower.config, width: 8, projection: 10 });
    const params = encodingPixels(wide, encoder, 'projected').init(randomKey(3));
    const { frames } = encodingPixels(wide, encoder, 'projected').encode(params, batch, {});
    const picture = tf.tensor4d(batch.frames.data.slice(0, PIXELS), [1, 3, 6, 6]);
    const expected = linear(wide.forward(params.vision, picture).projected!, params.projection);
    expect(distance(frames.dataSync().slice(0, 7), expected.dataSync())).toBeLessThan(1e-5);
  });

  it('takes a batch without frames', () => {
    const params = pixelEncoder.init(randomKey(3));
    const bare = { ...batch, frameMask: ints([3, 5]) };
    const { frames } = pixelEncoder.encode(params, bare, {});
    const bias = params.projection.bias.dataSync();
    expect(distance(frames.dataSync(), Array.from({ length: 15 }, () => [...bias]).flat())).toBeLessThan(1e-6);
  });
});

it('starts the encoder as without pixels, and says what does not fit', () => {
  const key = foldIn(randomKey(1), 'encoder');
  const { vision, ...own } = pixelEncoder.init(key);
  expect(flatten(vision).length).toBeGreaterThan(30);
  const plain = flatten(encoder.init(key)).map(({ leaf }) => [...leaf.dataSync()]);
  expect(flatten(own).map(({ leaf }) => [...leaf.dataSync()])).toEqual(plain);
  expect(() => encodingPixels(tower, { ...encoder, frameSize: 768 })).toThrow(
    "the tower's pooled features of 10, got 768",
  );
  expect(() => encodingPixels(tower, encoder, 'projected')).toThrow(
    "the tower's projected features of undefined, got 10",
  );
  const other = { ...batch, frames: floats([3, 5, 12]) };
  expect(() => pixelEncoder.encode(pixelEncoder.init(key), other, {})).toThrow(
    'expected pixels [B, F, 3 x 6 x 6], got 12',
  );
});
