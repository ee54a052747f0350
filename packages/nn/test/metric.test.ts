import * as tf from '@tensorflow/tfjs';
import { readMetrics } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';

describe('metrics', () => {
  it('are sums, or means that become sums in host memory', async () => {
    const before = tf.memory().numTensors;
    const read = await readMetrics(() => ({
      loss: tf.scalar(1),
      metrics: {
        sum: { sum: tf.scalar(6), count: 4 },
        mean: { mean: tf.scalar(1.5), count: 4 },
        known: { sum: 3, count: 2 },
        nothing: { mean: tf.scalar(0), count: 0 },
      },
    }));
    expect(read).toEqual({
      sum: { sum: 6, count: 4 },
      mean: { sum: 6, count: 4 },
      known: { sum: 3, count: 2 },
      nothing: { sum: 0, count: 0 },
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
