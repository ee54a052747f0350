import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { flatten, loadWeights, randomKey } from '@wbdc/nn';
import { openWeights } from '@wbdc/nn/node';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import {
  CLIP_PREPROCESSING,
  clipVision,
  clipVisionKeyMap,
  decodeImage,
  preprocess,
  type ClipVisionParams,
} from '../src/index.js';
import { FIXTURES, fixtureBytes, fixtureJson, type ImageFixture } from './fixtures.js';

type Expected = { hidden: number[]; pooled: number[]; projected: number[]; gradients: Record<string, number[]> };
const fixture = fixtureJson<{ quick: Expected; erf: Pick<Expected, 'hidden' | 'pooled'> }>('clip-vision.json');
const config = { imageSize: 15, patchSize: 5, width: 14, layers: 2, heads: 2, intermediateSize: 22, projection: 11 };
const tower = clipVision(config);

describe.each(ENGINES)('the CLIP vision tower on %s', (engine) => {
  let params: ClipVisionParams;
  let pixels: tf.Tensor4D;
  beforeEach(async () => {
    await useEngine(engine);
    params = tower.init(randomKey(1));
    fillWithWaves(flatten(params));
    pixels = tf.tensor4d(wave(3 * 3 * 15 * 15, 0.25, 1), [3, 3, 15, 15]);
  });

  it('gives the states of transformers', () => {
    const { hidden, pooled, projected } = tower.forward(params, pixels);
    expect([hidden.shape, pooled.shape, projected?.shape]).toEqual([
      [3, 10, 14],
      [3, 14],
      [3, 11],
    ]);
    expect(distance(hidden.dataSync(), fixture.quick.hidden)).toBeLessThan(1e-5);
    expect(distance(pooled.dataSync(), fixture.quick.pooled)).toBeLessThan(1e-5);
    expect(distance(projected!.dataSync(), fixture.quick.projected)).toBeLessThan(1e-5);
  });

  it('gives the states of transformers with the exact GELU', () => {
    const { hidden, pooled } = clipVision({ ...config, activation: 'erf' }).forward(params, pixels);
    expect(distance(hidden.dataSync(), fixture.erf.hidden)).toBeLessThan(1e-5);
    expect(distance(pooled.dataSync(), fixture.erf.pooled)).toBeLessThan(1e-5);
  });

  it('gives the gradients of transformers', () => {
    const leaves = flatten(params);
    const loss = (): tf.Scalar => {
      const { hidden, pooled, projected } = tower.forward(params, pixels);
      const weighted = [hidden, pooled, projected!].map((t, i) =>
        tf.sum(tf.mul(t, tf.tensor(wave(t.size, 0.5 + i, 1), t.shape))),
      );
      return tf.addN(weighted) as tf.Scalar;
    };
    const gradients = tf.grads(loss)(leaves.map(({ leaf }) => leaf));
    leaves.forEach(({ path }, i) => {
      expect(distance(gradients[i].dataSync(), fixture.quick.gradients[path]), path).toBeLessThan(1e-4);
    });
  });

  it('keeps nothing but its results', () => {
    const before = tf.memory().numTensors;
    tf.dispose(tower.forward(params, pixels));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has the layout of the checkpoint that transformers saved', async () => {
    const file = await openWeights(fileURLToPath(new URL('clip-vision.safetensors', FIXTURES)));
    const loaded = tower.init(randomKey(2));
    const report = await loadWeights(loaded, clipVisionKeyMap(config), file);
    await file.close();
    expect([report.fresh, report.ignored]).toEqual([[], []]);
    flatten(loaded).forEach(({ path, leaf }, i) => {
      expect(distance(leaf.dataSync(), flatten(params)[i].leaf.dataSync()), path).toBeLessThan(1e-6);
    });
  });

  it.each(fixtureJson<ImageFixture>('clip-image.json').features)(
    'gives the features of transformers from the file on: $file',
    async ({ file, pooled }) => {
      const image = await preprocess(await decodeImage(fixtureBytes(file)), { ...CLIP_PREPROCESSING, imageSize: 15 });
      const out = tower.forward(params, tf.tensor4d(image, [1, 3, 15, 15]));
      expect(distance(out.pooled.dataSync(), pooled)).toBeLessThan(1e-4);
    },
  );
});

describe('what does not fit', () => {
  it('is told of a picture', async () => {
    await useEngine('cpu');
    const call = () => tower.forward(tower.init(randomKey(1)), tf.zeros([1, 3, 15, 16]));
    expect(call).toThrow('expected pixels [N, 3, 15, 15], got [1, 3, 15, 16]');
  });

  it('is told of a configuration', () => {
    expect(() => clipVision({ ...config, patchSize: 4 })).toThrow(
      'expected a patchSize that divides imageSize 15, got 4',
    );
    expect(() => clipVision({ ...config, heads: 3 })).toThrow(
      'expected a number of heads that divides width 14, got 3',
    );
  });
});
