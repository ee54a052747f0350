import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { disposeTree, foldIn, randomKey } from '@wbdc/nn';
import { adamW, trainLoop } from '@wbdc/train';
import { findCheckpoint, hasCheckpoint, loadCheckpoint, saveStepCheckpoint } from '@wbdc/train/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newTraining } from '../../../tools/small-training.js';
import { WEBGPU } from '../../../tools/testing.js';
import type { WebGpuBackend } from '../src/backend.js';
import { registerWebGpuBackend } from '../src/index.js';
import { EACH, EACH_ENTRY, type KernelSource } from '../src/kernel-source.js';
import { dispatch } from '../src/kernel.js';

const FROM_SOURCE = fileURLToPath(new URL('../../../tools/from-source/register.mjs', import.meta.url));

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

interface Fault {
  /** Brings it about, in the middle of a step; what it gives mends it. */
  readonly cause: (backend: WebGpuBackend) => () => void;
  /** What is said of it: where, and what to do. */
  readonly told: RegExp;
}

const HUGE: KernelSource = {
  name: 'WbdcHuge',
  write: { y: 'f32' },
  read: {},
  params: { n: 'u32' },
  code: `var<workgroup> much: array<f32, 60000>;\n${EACH_ENTRY} { ${EACH} y[i] = much[i]; }`,
};

const FAULTS: Readonly<Record<string, Fault>> = {
  'a device that is lost': {
    cause: ({ device }) => {
      device.destroy();
      return () => undefined; // the next call takes a new one
    },
    told: /step 5: .*the GPU was lost.*the same command goes on from there/s,
  },
  'no memory left': {
    cause: ({ device, pool }) => {
      const { createBuffer } = device;
      class GPUOutOfMemoryError extends Error {}
      device.createBuffer = (descriptor) => {
        const error = new GPUOutOfMemoryError('no room');
        device.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }));
        return createBuffer.call(device, descriptor);
      };
      pool.drain();
      return () => void (device.createBuffer = createBuffer);
    },
    told: /step 5: .*out of memory at .* in tensors .*lower the batch size/s,
  },
  'a shader over the limits': {
    cause: (backend) => {
      dispatch(backend, HUGE, { y: backend.empty([4]) }, { n: 4 }, [1, 1, 1]);
      return () => undefined;
    },
    told: /step 5: .*kernel 'WbdcHuge'.*(exceed|limit|storage).*choose the engine 'ort'/s,
  },
};

describe.skipIf(!WEBGPU)('in the middle of a step', () => {
  const whole = new Map<number, number>();

  it('training without a fault has its losses', async () => {
    await train('whole', whole);
    expect([...whole.keys()]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each(Object.keys(FAULTS))('%s: the last checkpoint goes on to the same bits', async (name) => {
    const { cause, told } = FAULTS[name];
    const losses = new Map<number, number>();
    let mend = (): void => undefined;
    const spoil = (step: number): void => {
      if (step === 5) mend = cause(tf.backend() as unknown as WebGpuBackend);
    };
    await expect(train(name, losses, spoil)).rejects.toThrow(told);
    mend();
    expect([...losses.keys()]).toEqual([1, 2, 3, 4]);
    expect(await train(name, losses)).toBe(4);
    expect([...losses]).toEqual([...whole]);
  });
});

it('without a GPU it says so, and what runs nevertheless', () => {
  const find = `import { findWebGpu } from '@wbdc/tfjs-backend-webgpu';
    await findWebGpu().catch((error) => console.log(error.message));
    process.exit(0);`;
  const env = { ...process.env, VK_ICD_FILENAMES: '/nowhere.json', VK_INSTANCE_LAYERS: '', VITEST: undefined };
  const args = ['--import', FROM_SOURCE, '--input-type=module', '-e', find];
  const said = execFileSync(process.execPath, args, { env, cwd: import.meta.dirname, encoding: 'utf8' });
  expect(said).toMatch(/^WebGPU finds no GPU here: expected a driver for Vulkan.*the engine 'ort' needs none/);
});
