import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { flatten, randomKey } from '@wbdc/nn';
import { loadWeights } from '@wbdc/checkpoints';
import { openWeights } from '@wbdc/checkpoints/node';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import {
  clipVision,
  clipVisionKeyMap,
  parseClipVisionConfig,
  type ClipVisionParams,
  type ClipVisionPooled,
} from '../src/index.js';
import { FIXTURES, compareTower, fixtureJson, weighted, type TowerFixture } from './fixtures.js';

const fixture = fixtureJson<{ quick: TowerFixture; erf: Pick<TowerFixture, 'hidden' | 'pooled'> }>('clip-vision.json');
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

  it('gives the states and the gradients of transformers', () => {
    const { hidden, pooled, projected } = tower.forward(params, pixels);
    expect([hidden.shape, pooled.shape, projected?.shape]).toEqual([
      [3, 10, 14],
      [3, 14],
      [3, 11],
    ]);
    compareTower(params, () => tower.forward(params, pixels), fixture.quick);
  });

  it('gives the states of transformers with the exact GELU', () => {
    const { hidden, pooled } = clipVision({ ...config, activation: 'erf' }).forward(params, pixels);
    expect(distance(hidden.dataSync(), fixture.erf.hidden)).toBeLessThan(1e-5);
    expect(distance(pooled.dataSync(), fixture.erf.pooled)).toBeLessThan(1e-5);
  });

  it.each([false, true])('pools the same with less work, gradients too (recompute: %s)', (recompute) => {
    const sum = (of: () => ClipVisionPooled) => () => {
      const { pooled, projected } = of();
      return tf.add<tf.Scalar>(weighted(pooled, 0), weighted(projected!, 1));
    };
    const leaves = flatten(params).map(({ leaf }) => leaf);
    const [whole, part] = [
      tf.valueAndGrads(sum(() => tower.forward(params, pixels)))(leaves),
      tf.valueAndGrads(sum(() => tower.pool(params, pixels, { recompute })))(leaves),
    ];
    expect(distance(part.value.dataSync(), whole.value.dataSync())).toBeLessThan(1e-5);
    flatten(params).forEach(({ path }, i) => {
      expect(distance(part.grads[i].dataSync(), whole.grads[i].dataSync()), path).toBeLessThan(1e-5);
    });
  });

  it('keeps nothing but its results', () => {
    const before = tf.memory().numTensors;
    tf.dispose([tower.forward(params, pixels), tower.pool(params, pixels)]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('has the layout of the checkpoint that transformers saved', async () => {
    const file = await openWeights(fileURLToPath(new URL('clip-vision.safetensors', FIXTURES)));
    const loaded = tower.init(randomKey(2));
    const report = await loadWeights(loaded, clipVisionKeyMap(config), file);
    await file.close();
    expect([report.missing, report.unused]).toEqual([[], []]);
    flatten(loaded).forEach(({ path, leaf }, i) => {
      expect(distance(leaf.dataSync(), flatten(params)[i].leaf.dataSync()), path).toBeLessThan(1e-6);
    });
  });
});

describe.each(ENGINES)('CLIP vision towers of random sizes on %s', (engine) => {
  beforeEach(() => useEngine(engine));
  const cases = fixtureJson<(TowerFixture & { config: object; count: number })[]>('clip-vision-random.json').map(
    (of) => {
      const config = parseClipVisionConfig({ model_type: 'clip_vision_model', ...of.config }, true);
      return { of, config, about: JSON.stringify(config) };
    },
  );

  it.each(cases)('equal transformers: $about', ({ of, config }) => {
    const random = clipVision(config);
    const randomParams = random.init(randomKey(1));
    fillWithWaves(flatten(randomParams));
    const shape = [of.count, 3, config.imageSize, config.imageSize] as [number, number, number, number];
    const pixels = tf.tensor4d(wave(tf.util.sizeFromShape(shape), 0.25, 1), shape);
    compareTower(randomParams, () => random.forward(randomParams, pixels), of);
  });
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
