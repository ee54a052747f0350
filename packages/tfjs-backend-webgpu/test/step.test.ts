import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { trainSmall } from '../../../tools/small-training.js';
import { WEBGPU, useEngine } from '../../../tools/testing.js';

it.skipIf(!WEBGPU)('training has the losses of ort, and the same bits each time, dropout included', async () => {
  await useEngine('webgpu');
  const first = await trainSmall(3);
  expect(first.left).toBe(0);
  expect(await trainSmall(3)).toEqual(first);
  await useEngine('ort');
  const { losses, norms } = await trainSmall(3);
  losses.forEach((loss, i) => expect(Math.abs(first.losses[i] - loss)).toBeLessThan(1e-5));
  norms.forEach((norm, i) => expect(first.norms[i] / norm).toBeCloseTo(1, 5));
  expect(tf.getBackend()).toBe('ort');
});
