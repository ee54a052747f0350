import * as tf from '@tensorflow/tfjs';
import { disposeTree, foldIn, randomKey } from '@wbdc/nn';
import { adamW, clipScale, disposeGrads, globalNorm, gradNorms, valueAndGrad } from '@wbdc/train';
import { beforeAll, describe, expect, it } from 'vitest';
import { WEBGPU, useEngine } from '../../../tools/testing.js';
import { newTraining, type Training } from './training.js';

/** Losses and norms of some steps, and the weights after them. */
async function train(engine: string, steps: number): Promise<{ numbers: number[]; weights: Float32Array[] }> {
  await useEngine(engine);
  const { model, params, batchOf }: Training = newTraining({ layers: 1, width: 32 });
  const optimizer = adamW(params, { learningRate: 1e-3, weightDecay: 0.01, averageDecay: 0.9 });
  const numbers: number[] = [];
  for (let step = 0; step < steps; step++) {
    const views = model.prepare(batchOf(13), foldIn(randomKey(5), step));
    const loss = () => model.loss(params, views, foldIn(randomKey(6), step));
    const { loss: value, grads, norms } = await valueAndGrad(params, loss, undefined, { norms: true });
    const norm = globalNorm(norms ?? (await gradNorms(grads)));
    optimizer.update(grads, { factor: 1, scale: clipScale(norm, 1) });
    disposeGrads(grads);
    numbers.push(value, norm);
  }
  const weights = optimizer.state().map(({ values }) => values() as Promise<Float32Array>);
  const result = { numbers, weights: await Promise.all(weights) };
  optimizer.dispose();
  disposeTree(params);
  return result;
}

describe.skipIf(!WEBGPU)('training on a GPU', () => {
  beforeAll(() => useEngine('webgpu'));

  it('has the losses of ort, and the same bits each time, dropout included', async () => {
    const before = tf.memory().numTensors;
    const first = await train('webgpu', 3);
    expect(tf.memory().numTensors).toBe(before);
    expect(await train('webgpu', 3)).toEqual(first);
    const { numbers } = await train('ort', 3);
    numbers.forEach((expected, i) => expect(first.numbers[i] / expected).toBeCloseTo(1, 5));
  });
});
