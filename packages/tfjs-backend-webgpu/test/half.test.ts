import * as tf from '@tensorflow/tfjs';
import { disposeTree, foldIn, randomKey } from '@wbdc/nn';
import { adamW, LossScale, trainLoop, type StepRecord } from '@wbdc/train';
import { describe, expect, it } from 'vitest';
import { distance, useEngine, wave, WEBGPU } from '../../../tools/testing.js';
import { findWebGpu, registerWebGpuBackend } from '../src/index.js';
import { newTraining } from '../../../tools/small-training.js';

/** A device that multiplies in float16; the precision is the process's. */
const HALF = WEBGPU !== undefined && (await findWebGpu()).features.includes('shader-f16');

async function useHalf(): Promise<void> {
  await registerWebGpuBackend({ precision: 'fp16' });
  await tf.setBackend('webgpu');
}

/** Three steps; gives losses and what became of the scale. */
async function train(lossScale?: LossScale): Promise<{ losses: number[]; skipped: number }> {
  const { model, params, batchOf } = newTraining({ layers: 1, width: 32 });
  const optimizer = adamW(params, { learningRate: 1e-3, weightDecay: 0.01 });
  const records: StepRecord[] = [];
  await trainLoop({
    ...{ params, optimizer, totalSteps: 3, key: randomKey(6), clipNorm: 1, lossScale },
    batchAt: async (index) => model.prepare(batchOf(13), foldIn(randomKey(5), index)),
    loss: (views, key) => model.loss(params, views, key),
    sinks: [{ write: (record) => void (record.type === 'step' && records.push(record)) }],
  });
  optimizer.dispose();
  disposeTree(params);
  return { losses: records.map(({ loss }) => loss), skipped: records.filter((record) => record.skipped).length };
}

describe.skipIf(!HALF)('products in float16 with sums in float32', () => {
  it.each([
    [1, 5, 3, 7],
    [2, 64, 64, 64],
    [1, 130, 100, 132],
    [1, 640, 48, 704],
    [3, 33, 257, 66],
  ])(
    'of %i matrices [%i, %i] and [.., %i], each transposed or not, are exact where the factors are',
    async (batch, rows, inner, columns) => {
      for (const [transposeA, transposeB] of [
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ]) {
        const shapes: [number, number, number][] = [
          transposeA ? [batch, inner, rows] : [batch, rows, inner],
          transposeB ? [batch, columns, inner] : [batch, inner, columns],
        ];
        const product = (): Float32Array =>
          tf.tidy(() => {
            // Eighths have no more bits than float16.
            const [a, b] = shapes.map((shape, i) =>
              tf.tensor3d(
                wave(shape[0] * shape[1] * shape[2], i, 90).map((x) => Math.round(x) / 8),
                shape,
              ),
            );
            return tf.matMul(a, b, transposeA, transposeB).dataSync<'float32'>();
          });
        await useEngine('ort');
        const expected = product();
        await useHalf();
        expect(distance(product(), expected)).toBe(0);
      }
    },
  );

  it('come within 2e-3 where the factors are rounded', async () => {
    const product = (): Float32Array =>
      tf.tidy(() => {
        const [a, b] = [1, 2].map((seed) => tf.randomUniform<tf.Rank.R2>([200, 200], -1, 1, 'float32', seed));
        return tf.matMul(a, b).dataSync<'float32'>();
      });
    await useEngine('ort');
    const expected = product();
    await useHalf();
    const off = product().map((value, i) => value - expected[i]);
    expect(Math.hypot(...off)).toBeGreaterThan(0);
    expect(Math.hypot(...off) / Math.hypot(...expected)).toBeLessThan(2e-3);
  });

  it('train with a scaled loss: the losses of ort, and a scale that does not fit costs the step alone', async () => {
    await useEngine('ort');
    const { losses } = await train();
    await useHalf();
    const half = await train(new LossScale({ initial: 256 }));
    half.losses.forEach((loss, i) => expect(loss / losses[i]).toBeCloseTo(1, 2));
    expect(half.skipped).toBe(0);
    const scale = new LossScale({ initial: 2 ** 24 });
    expect((await train(scale)).skipped).toBe(scale.state.skipped);
  });
});
