import * as tf from '@tensorflow/tfjs';
import { gatherRows, gradientsOf } from '@wbdc/nn';
import { describe, expect, it } from 'vitest';
import { WEBGPU, distance, useEngine, wave } from '../../../tools/testing.js';
import { webGpuStatistics } from '../src/index.js';

type Operation = (...xs: tf.Tensor[]) => tf.Tensor;

/** What an operation gives on an engine, and its gradients where the sum of its values is asked to grow unevenly. */
async function on(engine: string, shapes: readonly number[][], f: Operation) {
  await useEngine(engine);
  const tensors = tf.tidy(() => {
    const inputs = shapes.map((shape, k) => tf.tensor(wave(tf.util.sizeFromShape(shape), k, 1), shape));
    const weighted = (): tf.Tensor => {
      const y = f(...inputs);
      return tf.sum(tf.mul(y, tf.tensor(wave(y.size, 9, 1), y.shape)));
    };
    return [f(...inputs), ...gradientsOf(weighted, inputs).grads.map((grad) => grad!)];
  });
  const read = tensors.map((tensor) => ({ shape: tensor.shape, data: tensor.dataSync<'float32'>() }));
  tf.dispose(tensors);
  return read;
}

async function expectEqual(shapes: readonly number[][], f: Operation, tolerance = 0): Promise<void> {
  const [actual, expected] = [await on('webgpu', shapes, f), await on('cpu', shapes, f)];
  expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
  actual.forEach(({ data }, i) => expect(distance(data, expected[i].data)).toBeLessThanOrEqual(tolerance));
}

describe.skipIf(!WEBGPU)('on a GPU', () => {
  it.each([
    [[7], [2], [3]],
    [
      [5, 6],
      [0, 0],
      [3, 6],
    ], // the first rows
    [
      [3, 5, 4],
      [0, 2, 0],
      [3, 1, 4],
    ],
    [
      [3, 5, 4],
      [0, 0, 1],
      [3, 5, 2],
    ],
    [
      [3, 5, 4],
      [0, 0, 0],
      [3, 5, 4],
    ], // all of it
    [
      [3, 5, 4],
      [1, 2, 0],
      [2, 2, 4],
    ], // two axes: tfjs's own
    [
      [2, 300, 3],
      [0, 17, 0],
      [2, -1, 3],
    ], // more than a workgroup
    [
      [3, 5],
      [1, 0],
      [0, 5],
    ], // nothing
  ])("a slice of %j from %j has tfjs's values and gradients", async (shape, begin, size) => {
    await expectEqual([shape], (x) => tf.slice(x, begin, size));
  });

  it.each([
    [[7], [[2, 1]]],
    [
      [3, 5, 4],
      [
        [0, 0],
        [1, 2],
        [0, 0],
      ],
    ],
    [
      [3, 5, 4],
      [
        [1, 0],
        [1, 2],
        [0, 0],
      ],
    ],
    [
      [3, 5],
      [
        [0, 0],
        [0, 0],
      ],
    ],
  ])("%j padded by %j has tfjs's values and gradients", async (shape, paddings) => {
    for (const value of [0, 2]) await expectEqual([shape], (x) => tf.pad(x, paddings as [number, number][], value));
  });

  it.each([
    [
      [3, 5, 4],
      [5, 4],
    ],
    [[3, 5, 4], [4]],
    [[2, 700], [700]],
    [
      [3, 4],
      [3, 4],
    ],
    [[3, 4], []],
    [[4], [3, 4]], // the larger one second
    [
      [3, 5, 4],
      [3, 1, 4],
    ], // one in between
  ])("%j and %j added have tfjs's values and gradients", async (a, b) => {
    await expectEqual([a, b], (x, y) => tf.add(x, y), 1e-5);
  });

  it.each([
    [[3, 5, 4], [0]],
    [
      [3, 5, 4],
      [0, 1],
    ],
    [[3, 5, 4], [1]],
    [
      [3, 5, 4],
      [0, 2],
    ],
    [[300, 7], [0]], // more rows than threads
    [[1, 9], [0]],
    [[0, 4], [0]], // no values
    [
      [2, 0, 4],
      [1, 2],
    ],
  ])("%j summed over the axes %j has tfjs's values", async (shape, axes) => {
    for (const keep of [false, true]) await expectEqual([shape], (x) => tf.sum(x, axes, keep), 1e-5);
  });

  it.each([
    [
      [5, 3],
      [4, 0, 0, 2],
    ],
    [
      [2, 3, 4],
      [5, 1, 1, 1, 0],
    ],
    [[40, 130], Array.from({ length: 90 }, (_, i) => (i * 7) % 40)], // more than a block and a workgroup
    [[5, 3], []],
  ])("rows of %j by their numbers have the processor's values and gradients", async (shape, rows) => {
    await expectEqual([shape], (x) => gatherRows(x, Int32Array.from(rows)), 1e-5);
  });

  it('whole numbers stay with tfjs', async () => {
    await useEngine('webgpu');
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3], 'int32');
    expect(Array.from(tf.slice(x, [0, 1], [2, 2]).dataSync())).toEqual([2, 3, 5, 6]);
    expect(Array.from(tf.sum(x, [0]).dataSync())).toEqual([5, 7, 9]);
    expect(
      tf.pad(x, [
        [0, 0],
        [1, 0],
      ]).dtype,
    ).toBe('int32');
    expect(Array.from(tf.add(x, tf.tensor1d([1, 1, 1], 'int32')).dataSync())).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it('an operation on one axis is one dispatch', async () => {
    await useEngine('webgpu');
    const x = tf.tensor(wave(60, 1, 1), [3, 5, 4]);
    const row = tf.tensor(wave(4, 2, 1), [4]);
    const operations = [
      () => tf.slice(x, [0, 1, 0], [3, 2, 4]),
      () =>
        tf.pad(x, [
          [0, 0],
          [1, 0],
          [0, 0],
        ]),
      () => tf.add(x, row),
      () => tf.sum(x, [0, 1]),
      () => gatherRows(x, Int32Array.of(3, 1)),
    ];
    for (const run of operations) {
      const before = webGpuStatistics().dispatches;
      const y = run();
      expect(webGpuStatistics().dispatches - before).toBe(1);
      y.dispose();
    }
  });
});
