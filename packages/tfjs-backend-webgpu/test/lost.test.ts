import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { disposeTree, foldIn, randomKey } from '@wbdc/nn';
import { adamW, trainLoop } from '@wbdc/train';
import { findCheckpoint, hasCheckpoint, loadCheckpoint, saveStepCheckpoint } from '@wbdc/train/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newTraining } from '../../../tools/small-training.js';
import { WEBGPU } from '../../../tools/testing.js';
import type { WebGpuBackend } from '../src/backend.js';
import { registerWebGpuBackend } from '../src/index.js';

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-lost-'))));
afterAll(() => rm(folder, { recursive: true }));

/** Trains to step 6 with a checkpoint every 2, from the last one where there is one; the losses by step. */
async function train(name: string, losses: Map<number, number>, beforeLoss: (step: number) => void = () => undefined) {
  await registerWebGpuBackend();
  await tf.setBackend('webgpu');
  const { model, params, batchOf } = newTraining({ layers: 1, width: 32 });
  const optimizer = adamW(params, { learningRate: 1e-3 });
  const root = join(folder, name);
  const config = { of: 'a test' };
  const from = (await hasCheckpoint(root))
    ? await loadCheckpoint(await findCheckpoint(root), { params, optimizer, config })
    : undefined;
  const startStep = from?.step ?? 0;
  let step = startStep;
  await trainLoop({
    ...{ params, optimizer, totalSteps: 6, startStep, key: randomKey(6) },
    batchAt: async (index) => model.prepare(batchOf(13), foldIn(randomKey(5), index)),
    loss: (views, key) => {
      beforeLoss(++step);
      return model.loss(params, views, key);
    },
    checkpoint: {
      everySteps: 2,
      save: async (done) =>
        void (await saveStepCheckpoint(root, { params, optimizer, config, state: { step: done, seed: 1 } })),
    },
    sinks: [{ write: (record) => void (record.type === 'step' && losses.set(record.step, record.loss)) }],
  });
  optimizer.dispose();
  disposeTree(params);
  return startStep;
}

it.skipIf(!WEBGPU)('a device lost in a step: the last checkpoint goes on, on a new one, to the same bits', async () => {
  const whole = new Map<number, number>();
  await train('whole', whole);
  expect([...whole.keys()]).toEqual([1, 2, 3, 4, 5, 6]);

  const losses = new Map<number, number>();
  const lose = (step: number): void => {
    if (step === 5) (tf.backend() as unknown as WebGpuBackend).device.destroy();
  };
  await expect(train('lost', losses, lose)).rejects.toThrow(
    /step 5: .*the GPU was lost.*the same command goes on from there/s,
  );
  expect([...losses.keys()]).toEqual([1, 2, 3, 4]);

  expect(await train('lost', losses)).toBe(4);
  expect([...losses]).toEqual([...whole]);
});
