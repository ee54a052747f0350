import * as tf from '@tensorflow/tfjs';
import { dotProductAttention, dropout, foldIn, gelu, layerNorm, linear, randomKey } from '@wbdc/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { WEBGPU, distance, useEngine, wave } from '../../../tools/testing.js';
import { webGpuStatistics } from '../src/index.js';

/** What a function of tensors gives on an engine, values and gradients. */
async function on(engine: string, shapes: number[][], f: (...xs: tf.Tensor[]) => tf.Tensor): Promise<number[][]> {
  await useEngine(engine);
  return tf.tidy(() => {
    const inputs = shapes.map((shape, k) => tf.tensor(wave(tf.util.sizeFromShape(shape), k, 1), shape));
    const value = f(...inputs);
    const dy = tf.tensor(wave(value.size, 9, 1), value.shape);
    const { grads } = tf.engine().gradients(() => f(...inputs), inputs, dy);
    return [value, ...grads].map((tensor) => Array.from(tensor.dataSync()));
  });
}

async function expectEqual(shapes: number[][], f: (...xs: tf.Tensor[]) => tf.Tensor, tolerance = 2e-5): Promise<void> {
  const [actual, expected] = [await on('webgpu', shapes, f), await on('cpu', shapes, f)];
  actual.forEach((values, i) => expect(distance(values, expected[i]), `tensor ${i}`).toBeLessThan(tolerance));
}

describe.skipIf(!WEBGPU)('on a GPU', () => {
  beforeAll(() => useEngine('webgpu'));

  it.each([
    [2, 5, 5, 8, 2],
    [3, 7, 11, 6, 3], // values that do not come in fours
    [2, 70, 131, 64, 1], // more than one workgroup and one tile
    [1, 3, 17, 96, 1], // wide heads: tiles of a few keys
  ])(
    'attention of [%i, %i] to %i of width %i in %i heads, dropped or not',
    async (batch, queries, keys, width, heads) => {
      const mask = Float32Array.from({ length: batch * keys }, (_, i) => (i % keys > 0 && i % 5 === 0 ? -1e9 : 0));
      for (const rate of [0, 0.3]) {
        const key = rate ? randomKey(7) : undefined;
        await expectEqual(
          [
            [batch, queries, width],
            [batch, keys, width],
            [batch, keys, width],
          ],
          (q, k, v) => {
            const bias = tf.tensor4d(mask, [batch, 1, 1, keys]);
            const options = { heads, dropout: rate, ...(key && { key }) };
            return dotProductAttention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, bias, options);
          },
        );
      }
    },
  );

  it('attention with a bias of each query and key', async () => {
    const bias = Float32Array.from({ length: 2 * 7 * 7 }, (_, i) => (i % 7 <= (i % 49) / 7 ? 0 : -1e9)); // causal
    for (const key of [undefined, randomKey(7)]) {
      await expectEqual(
        [
          [2, 7, 6],
          [2, 7, 6],
          [2, 7, 6],
        ],
        (q, k, v) => {
          const options = { heads: 3, dropout: key ? 0.3 : 0, ...(key && { key }) };
          const causal = tf.tensor4d(bias, [2, 1, 7, 7]);
          return dotProductAttention(q as tf.Tensor3D, k as tf.Tensor3D, v as tf.Tensor3D, causal, options);
        },
      );
    }
  });

  it.each([0.001, 0.1, 0.5, 0.95])('a dropout of %d drops what the processor drops', async (rate) => {
    for (const shape of [[3, 50_001], [1000, 7], [1], [2, 3, 4096]]) {
      const dropped = async (engine: string): Promise<Float32Array> => {
        await useEngine(engine);
        return tf.tidy(() => dropout(tf.ones(shape), rate, foldIn(randomKey(3), 5)).dataSync<'float32'>());
      };
      expect(await dropped('webgpu')).toEqual(await dropped('cpu'));
    }
  });

  it.each([
    [1, 5, 3, 7],
    [2, 33, 17, 65],
    [1, 130, 40, 257],
    [3, 640, 33, 640], // the largest tile
    [1, 1, 2500, 3], // where tfjs splits the inner sum
  ])('products of %i matrices [%i, %i] and [.., %i], each transposed or not', async (batch, rows, inner, columns) => {
    for (const [ta, tb] of [
      [false, false],
      [true, false],
      [false, true],
      ...(rows > 600 ? [] : [[true, true]]), // no model has these, and a large tile takes seconds to compile
    ]) {
      const a = ta ? [batch, inner, rows] : [batch, rows, inner];
      const b = tb ? [batch, columns, inner] : [batch, inner, columns];
      const values = async (engine: string) => {
        await useEngine(engine);
        return tf.tidy(() => {
          const [x, y] = [a, b].map((shape, k) => tf.tensor(wave(tf.util.sizeFromShape(shape), k, 1), shape));
          return tf.matMul(x, y, ta, tb).dataSync();
        });
      };
      expect(distance(await values('webgpu'), await values(rows > 600 ? 'ort' : 'cpu'))).toBeLessThan(
        2e-7 * inner + 1e-5,
      );
    }
  });

  it.each(['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const)(
    'a product with bias and %s',
    async (activation) => {
      const values = async (engine: string) => {
        await useEngine(engine);
        return tf.tidy(() => {
          const [a, b, bias] = [[13, 7], [7, 19], [19]].map((s, k) =>
            tf.tensor(wave(tf.util.sizeFromShape(s), k, 3), s),
          );
          const more = activation === 'prelu' ? { preluActivationWeights: tf.scalar(0.3) } : { leakyreluAlpha: 0.2 };
          return tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias, activation, ...more }).dataSync();
        });
      };
      expect(distance(await values('webgpu'), await values('cpu'))).toBeLessThan(1e-5);
    },
  );

  it('rows of which there are none have gradients of zeros', async () => {
    for (const values of await on('webgpu', [[0, 6], [6, 5], [5], [5], [5]], (x, weight, bias, gamma, beta) => {
      const y = gelu(linear(x, { weight: weight as tf.Tensor2D, bias: bias as tf.Tensor1D }));
      return layerNorm(dropout(y, 0.1, randomKey(1)), { gamma: gamma as tf.Tensor1D, beta: beta as tf.Tensor1D }, 1e-5);
    })) {
      expect(values.every((value) => value === 0)).toBe(true);
    }
  });

  it('adds any number of tensors', async () => {
    await useEngine('webgpu');
    for (const count of [1, 2, 7, 8, 13, 14, 31]) {
      const sum = tf.tidy(() =>
        tf.addN(Array.from({ length: count }, (_, i) => tf.tensor1d([i, 2 * i, 1]))).dataSync(),
      );
      const triangle = (count * (count - 1)) / 2;
      expect([...sum]).toEqual([triangle, 2 * triangle, count]);
    }
  });

  it.each([
    ['few long segments', 3000, 9, 13],
    ['one segment', 500, 70, 1],
    ['mostly segments of their own', 300, 65, 997],
  ])('adds the rows of %s, the same bits each time', async (_, rows, width, segments) => {
    // One in 13 belongs nowhere.
    const ids = Int32Array.from({ length: rows }, (_, i) => (i % 13 === 5 ? -1 : (i * 7919) % segments));
    const x = wave(rows * width, 1, 1);
    const sums = () =>
      tf.tidy(() =>
        tf.unsortedSegmentSum(tf.tensor2d(x, [rows, width]), tf.tensor1d(ids, 'int32'), segments).dataSync(),
      );
    await useEngine('webgpu');
    const first = sums();
    expect(sums()).toEqual(first);
    const expected = new Float64Array(segments * width);
    ids.forEach((id, row) => {
      if (id >= 0) for (let c = 0; c < width; c++) expected[id * width + c] += x[row * width + c];
    });
    expect(distance(first, expected)).toBeLessThan(1e-4);
  });

  it('reads synchronously, while another read is on its way too', async () => {
    await useEngine('webgpu');
    const pending = tf.square(tf.fill([5000], 3)).data();
    expect(tf.add(tf.fill([5000], 3), 1).dataSync()[4999]).toBe(4);
    expect((await pending)[4999]).toBe(9);
    expect([...tf.tensor1d([1, 0, 2], 'int32').toBool().dataSync()]).toEqual([1, 0, 1]);
  });

  it('counts dispatches', () => expect(webGpuStatistics().dispatches).toBeGreaterThan(100));
});
