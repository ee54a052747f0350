import * as tf from '@tensorflow/tfjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, distance, fillWithWaves, useEngine, wave } from '../../../tools/testing.js';
import { flatten, newLayer, randomKey, transformer, type LayerConfig } from '../src/index.js';

describe.each(ENGINES)('layers on %s', (engine) => {
  beforeEach(() => useEngine(engine));

  it.each(['pre', 'post'] as const)('give the first rows alone as they stand in all (%s)', (norm) => {
    const layer = newLayer(randomKey(1), 14, 22);
    fillWithWaves(flatten({ layer }));
    const x = tf.tensor3d(wave(3 * 7 * 14, 0.5, 1), [3, 7, 14]);
    const bias = tf.tensor4d(
      Array.from({ length: 21 }, (_, i) => (i % 7 < 5 ? 0 : -1e4)),
      [3, 1, 1, 7],
    );
    const config: LayerConfig = { heads: 2, norm, epsilon: 1e-5, activation: 'quick', dropout: 0 };
    const run = (rows?: number): tf.Tensor => transformer([layer], x, bias, { ...config, ...(rows && { rows }) });
    const first = run(2);
    expect(first.shape).toEqual([3, 2, 14]);
    expect(distance(first.dataSync(), tf.slice(run(), 0, [3, 2, 14]).dataSync())).toBeLessThan(1e-6);
  });
});
