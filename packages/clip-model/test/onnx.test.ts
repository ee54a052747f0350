import * as tf from '@tensorflow/tfjs';
import { flatten, randomKey } from '@wbdc/nn';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { clipVision } from '../src/index.js';
import { clipVisionOnnx } from '../src/onnx.js';

it.each([
  [11, 'quick'],
  [undefined, 'erf'],
] as const)('is the tower, for any number of pictures (projection %s, GELU %s)', async (projection, activation) => {
  await useEngine('cpu');
  const sizes = { imageSize: 15, patchSize: 5, width: 14, layers: 2, heads: 2, intermediateSize: 22 };
  const config = { ...sizes, activation, ...(projection && { projection }) };
  const tower = clipVision(config);
  const params = tower.init(randomKey(1));
  fillWithWaves(flatten(params));
  const session = await InferenceSession.create(clipVisionOnnx(params, config));
  expect(session.outputNames).toEqual(projection ? ['pooled', 'projected'] : ['pooled']);
  const whole = await InferenceSession.create(clipVisionOnnx(params, config, { hidden: true }));
  for (const count of [1, 3]) {
    const pixels = wave(count * 3 * 15 * 15, 2, 1.5);
    const expected = tower.forward(params, tf.tensor4d(pixels, [count, 3, 15, 15]));
    for (const model of [session, whole]) {
      const found = await model.run({ pixels: new Tensor('float32', pixels, [count, 3, 15, 15]) });
      for (const name of model.outputNames as ('hidden' | 'pooled' | 'projected')[]) {
        expect(found[name].dims).toEqual(expected[name]!.shape);
        expect(distance(found[name].data as Float32Array, expected[name]!.dataSync())).toBeLessThan(1e-5);
      }
    }
  }
  expect(whole.outputNames).toEqual(['hidden', ...session.outputNames]);
});
