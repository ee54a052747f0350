import * as tf from '@tensorflow/tfjs';
import { countCorrect, gradientsOf, sigmoidCrossEntropy, softmaxCrossEntropy } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { WEBGPU, distance, useEngine, wave } from '../../../tools/testing.js';

/** A loss and its gradient on an engine, at logits that may be large, where the loss is doubled. */
async function on(
  engine: string,
  logits: Float32Array,
  shape: number[],
  loss: (x: tf.Tensor) => tf.Scalar,
): Promise<{ value: number; gradient: Float32Array }> {
  await useEngine(engine);
  return tf.tidy(() => {
    const x = tf.tensor(logits, shape);
    const { value, grads } = gradientsOf(() => tf.mul(loss(x), 2), [x]);
    return { value: value.dataSync()[0], gradient: grads[0]!.dataSync<'float32'>() };
  });
}

describe.skipIf(!WEBGPU)('losses on a GPU', () => {
  it.each([
    [1, 2, 1],
    [7, 3, 30], // narrower than a workgroup
    [300, 2000, 5], // more rows and values than threads
    [3, 700, 1e4], // exponentials that do not fit
  ])("of %i rows of %i classes, logits to %d, are the processor's", async (rows, classes, scale) => {
    const logits = wave(rows * classes, 0.4, scale);
    const labels = Int32Array.from({ length: rows }, (_, row) => (row * 7) % classes);
    const targets = Float32Array.from(logits, (_, i) => Number(i % 3 === 0));
    const softmax = (x: tf.Tensor): tf.Scalar => softmaxCrossEntropy(x as tf.Tensor2D, labels);
    const sigmoid = (x: tf.Tensor): tf.Scalar => sigmoidCrossEntropy(x, tf.tensor(targets, x.shape));
    for (const loss of [softmax, sigmoid]) {
      const [actual, expected] = [
        await on('webgpu', logits, [rows, classes], loss),
        await on('cpu', logits, [rows, classes], loss),
      ];
      expect(actual.value / expected.value).toBeCloseTo(1, 5);
      const largest = expected.gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(distance(actual.gradient, expected.gradient) / largest).toBeLessThan(2e-5);
    }
  });

  it('are of any number of axes where targets are', async () => {
    const loss = (x: tf.Tensor): tf.Scalar => sigmoidCrossEntropy(x, tf.onesLike(x));
    for (const shape of [[], [5], [2, 3, 4]]) {
      const logits = wave(tf.util.sizeFromShape(shape), 0.4, 2);
      const [actual, expected] = [await on('webgpu', logits, shape, loss), await on('cpu', logits, shape, loss)];
      expect(actual.value).toBeCloseTo(expected.value, 5);
      expect(distance(actual.gradient, expected.gradient)).toBeLessThan(1e-6);
    }
  });

  it('are no number where a logit is none, so that a scaled loss is seen to be too large', async () => {
    for (const bad of [NaN, Infinity]) {
      const { value } = await on('webgpu', Float32Array.of(1, bad, 2, 3, 4, 5), [2, 3], (x) =>
        softmaxCrossEntropy(x as tf.Tensor2D, Int32Array.of(0, 1)),
      );
      expect(value).toBeNaN();
    }
  });

  it('count what is right among more classes than a workgroup has threads', async () => {
    await useEngine('webgpu');
    tf.tidy(() => {
      const logits = tf.tensor2d(
        Float32Array.from({ length: 3 * 999 }, (_, i) => (i % 999 === 500 || i % 999 === 900 ? 2 : 1)),
        [3, 999],
      );
      expect(countCorrect(logits, Int32Array.of(500, 500, 900)).dataSync()[0]).toBe(2);
    });
  });
});
