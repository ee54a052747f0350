import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { single } from '@wbdc/distributed';
import { beforeEach, expect, it } from 'vitest';
import { useEngine, wave } from '../../../tools/testing.js';
import { contrastiveLoss, dividedContrastiveLoss } from '../src/contrastive.js';

const [COUNT, PAST, WIDTH] = [3, 2, 4];

beforeEach(() => useEngine('cpu'));

// Several processes: packages/pipeline/test/ranks.test.ts. One that has all rows needs no launcher.
it.each([
  {},
  { reduction: 'sum' },
  { normalize: false, reduction: 'mean' },
  { reduction: 'sum', hidden: Float32Array.from({ length: COUNT * (COUNT + PAST) }, (_, i) => (i === 1 ? -1e9 : 0)) },
] as const)('what processes share of a comparison has its loss: %o', (options) => {
  const rows = (count: number, phase: number): Tensor2D => tf.tensor2d(wave(count * WIDTH, phase), [count, WIDTH]);
  const [left, right, past] = [rows(COUNT, 0.5), rows(COUNT, 1.5), rows(PAST, 2.5)];
  const scale = tf.scalar(0.7);
  const whole = contrastiveLoss(left, tf.concat([right, past]), scale, options);
  const all = { communicator: single, left, right, past, count: COUNT, total: COUNT, first: 0 };
  const divided = dividedContrastiveLoss(all, scale, options);
  expect(divided.loss.dataSync()[0]).toBeCloseTo(whole.loss.dataSync()[0], 5);
});
