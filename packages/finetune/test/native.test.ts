import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { lxmertModel, TINY as LXMERT_TINY } from '@wbdc/lxmert-model';
import {
  flatten,
  floats,
  foldIn,
  ints,
  randomInt,
  randomKey,
  takeRows,
  type Batch,
  type Encoder,
  type Key,
  type ParamTree,
} from '@wbdc/nn';
import { ftc, ftm, mfm, mlm, mmm, pretraining, tag, type Plan, type WeightedTask } from '@wbdc/pretrain-tasks';
import { clip } from '@wbdc/pretrain-tasks/clip';
import { registerOrtBackend } from '@wbdc/tfjs-backend-ort';
import { adamW, fgm, trainLoop, valueAndGrad, type GradientFunction } from '@wbdc/train';
import { TINY, uniModel } from '@wbdc/uni-model';
import { beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, useEngine } from '../../../tools/testing.js';

setFlagsFromString('--expose-gc');
/** Or memory tells of when V8 likes to collect. */
const collect = runInNewContext('gc') as () => void;

const fallbacks: string[] = [];
beforeEach(async () => {
  registerOrtBackend({ onFallback: (message) => fallbacks.push(message) });
  await tf.setBackend('ort');
  fallbacks.length = 0;
});

const [B, F, V, DV, T] = [12, 11, 1009, 47, 503];
const CONFIG = {
  vocabSize: V,
  hiddenSize: 64,
  heads: 4,
  intermediateSize: 202,
  frameSize: DV,
  maxFrames: F,
  maxPositions: 67,
};
const encoders = {
  'single stream': uniModel({ ...TINY, ...CONFIG }),
  'double stream': lxmertModel({ ...LXMERT_TINY, ...CONFIG }),
};
const masking = { mask: 4, special: [0, 1, 2, 3, 4] };
const plan: Plan = [
  [mlm({ ...masking, vocabSize: V }), mfm({ normalize: true, temperature: 0.05 }), tag({ tagCount: T })],
  [ftm(), mmm({ ...masking })],
  [ftc({ separator: 3 })],
].map((tasks) => ({ tasks: tasks.map((task) => ({ task, weight: 1 }) as WeightedTask) }));

/** Videos with a title and another field, some without frames. */
function makeBatch(key: Key, length: number): Batch {
  const random = (count: number, bound: number): Int32Array =>
    Int32Array.from({ length: count }, (_, i) => randomInt(key, i, bound));
  const half = length >> 1;
  const tokens = random(B * length, V - 5).map((id, i) => (i % length === 0 ? 2 : i % length === half ? 3 : id + 5));
  return {
    ids: Array.from({ length: B }, (_, i) => String(i)),
    tokens: ints([B, length], tokens),
    segments: ints([B, length]),
    textMask: ints([B, length], new Int32Array(B * length).fill(1)),
    frames: floats(
      [B, F, DV],
      Float32Array.from(random(B * F * DV, 1000), (x) => x / 500 - 1),
    ),
    frameMask: ints([B, F], new Int32Array(B * F).fill(1).fill(0, 0, F + 3)),
    spans: Array.from({ length: B }, () => [
      { field: 'title', start: 1, end: half },
      { field: 'ocr', start: half + 1, end: length },
    ]),
    tags: Array.from({ length: B }, (_, i) => [i, T - 1 - i]),
  };
}

/** Trains by a plan and gives the losses. */
async function train(
  encoder: Encoder<ParamTree>,
  of: Plan,
  batches: readonly Batch[],
  totalSteps: number,
  more: { gradients?: GradientFunction; after?: (step: number) => void } = {},
): Promise<number[]> {
  const model = pretraining(encoder, of);
  const params = model.init(randomKey(1));
  const losses: number[] = [];
  await trainLoop({
    params,
    optimizer: adamW(params, { learningRate: 1e-3, weightDecay: 0.01, averageDecay: 0.99 }),
    totalSteps,
    batchAt: async (index) => batches[index % batches.length],
    loss: (batch, key) => model.loss(params, model.prepare(batch, foldIn(key, 'masks')), foldIn(key, 'dropout')),
    key: randomKey(3),
    clipNorm: 1,
    ...(more.gradients && { gradients: more.gradients }),
    sinks: [
      {
        write: (record) => {
          if (record.type !== 'step') return;
          losses.push(record.loss);
          more.after?.(record.step);
        },
      },
    ],
  });
  return losses;
}

describe.each(Object.entries(encoders))('on ort the %s', (_, encoder) => {
  it('trains with every objective, FGM, clipping and averages on native kernels alone', async () => {
    const gradients = fgm({ pattern: 'encoder.**.word' });
    const losses = await train(encoder as Encoder<ParamTree>, plan, [makeBatch(randomKey(5), 61)], 2, { gradients });
    expect(losses[1]).toBeLessThan(losses[0]);
    expect(fallbacks).toEqual([]);
  });
});

it('trains the CLIP stage, vision tower included, on native kernels alone', async () => {
  const vision = { imageSize: 96, patchSize: 16, width: 64, layers: 2, heads: 4, intermediateSize: 202 };
  const model = clip({ vision, text: { ...TINY, ...CONFIG, layers: 2 } });
  const params = model.init(randomKey(1));
  const [N, size] = [2 * B, 3 * 96 * 96];
  const batch = {
    ...makeBatch(randomKey(5), 61),
    pixels: floats(
      [N, 3, 96, 96],
      Float32Array.from({ length: N * size }, (_, i) => Math.sin(i)),
    ),
    owner: Int32Array.from({ length: N }, (_, i) => i >> 1),
  };
  const { grads } = await valueAndGrad(params, () => model.loss(params, batch, randomKey(7)));
  expect(grads.size).toBeGreaterThan(0.9 * flatten(params).length);
  tf.dispose([...grads.values()]);
  expect(fallbacks).toEqual([]);
});

/** A layer more would do the same kernels again. */
const ONE_LAYER = uniModel({ ...TINY, ...CONFIG, layers: 1 });
// What a GPU keeps over lengths: tfjs-backend-webgpu's own test. TensorFlow frees its memory itself.
const NATIVE = [
  { engine: 'ort', steps: 100 },
  { engine: 'tensorflow', steps: 50 },
].filter(({ engine }) => ENGINES.includes(engine));

/** Steps after which engines hold what they need for every length. */
const WARM_UP = 30;

it.each(NATIVE)(
  '$steps steps at changing lengths leave tensors and memory where they were, on $engine',
  async ({ engine, steps }) => {
    await useEngine(engine);
    const batches = [11, 23, 31].map((length, i) => takeRows(makeBatch(foldIn(randomKey(9), i), length), [1, 2, 3]));
    const seen = new Map<number, { numTensors: number; numDataBuffers: number; rss: number }>();
    const [from, to] = [WARM_UP, WARM_UP + steps];
    const after = (step: number): void => {
      const { numTensors, numDataBuffers } = tf.memory();
      if (step !== from && step !== to) return;
      collect();
      seen.set(step, { numTensors, numDataBuffers, rss: process.memoryUsage().rss });
    };
    const losses = await train(ONE_LAYER as Encoder<ParamTree>, [plan[0]], batches, to, { after });
    const [before, end] = [seen.get(from)!, seen.get(to)!];
    expect(end).toMatchObject({ numTensors: before.numTensors, numDataBuffers: before.numDataBuffers });
    expect(end.rss - before.rss).toBeLessThan(24e6);
    expect(losses.at(-1)).toBeLessThan(losses[0]);
  },
  600_000,
);
