import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, expect, it } from 'vitest';
import { completeWasmBackend } from '../src/index.js';

beforeAll(async () => {
  completeWasmBackend();
  completeWasmBackend(); // once is enough, twice is no error
  await tf.setBackend('wasm');
});

it('embeddings get their gradient on WebAssembly', () => {
  const table = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
  const grad = tf.grad((x) => tf.sum(tf.mul(tf.gather(x, [2, 0, 2]), tf.tensor2d([1, 10, 100, 1000, 4, 40], [3, 2]))));
  expect(Array.from(grad(table).dataSync())).toEqual([100, 1000, 0, 0, 5, 50]);
});

it('segments out of range are left out', () => {
  const sums = tf.unsortedSegmentSum(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor1d([-1, 1], 'int32'), 2);
  expect(sums.shape).toEqual([2, 2]);
  expect(Array.from(sums.dataSync())).toEqual([0, 0, 3, 4]);
});
