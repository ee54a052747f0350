import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { randomKey } from '@wbdc/nn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { useEngine } from '../../../tools/testing.js';
import { LossScale, pgd, trainLoop, valueAndGrad } from '../src/index.js';
import type { GradientFunction, StepRecord, TrainLoopOptions } from '../src/index.js';
import { loadCheckpoint, saveStepCheckpoint } from '../src/node.js';
import { batchAt, loss, newModel, newOptimizer, values, type Rows } from './helpers.js';

/** As products in float16: what is too large for it comes out as none. */
function overflowing(largest: number): GradientFunction {
  return async (...args) => {
    const result = await valueAndGrad(...args);
    const grads = new Map(
      [...result.grads].map(([path, grad]): [string, tf.Tensor] => [
        path,
        tf.tidy(() => tf.where(tf.greater(tf.abs(grad), largest), tf.fill(grad.shape, Infinity), grad)),
      ]),
    );
    tf.dispose([...result.grads.values()]);
    return { loss: result.loss, metrics: result.metrics, unreached: result.unreached, grads };
  };
}

describe('a scale of the loss', () => {
  beforeEach(() => useEngine('cpu'));
  let folder: string;
  beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'loss-scale-'))));
  afterEach(() => rm(folder, { recursive: true }));

  async function run(options: Partial<TrainLoopOptions<Rows>> & { readonly from?: string }) {
    const { from, ...more } = options;
    const params = newModel();
    const optimizer = newOptimizer(params);
    const state = from === undefined ? undefined : await loadCheckpoint(from, { params, optimizer });
    const lossScale = state ? new LossScale({ interval: 3 }, state.cursor) : more.lossScale;
    const records: StepRecord[] = [];
    await trainLoop({
      ...{ params, optimizer, totalSteps: 8, batchAt, key: randomKey(3), clipNorm: 0.5 },
      loss: (batch, key) => loss(params, batch, key),
      sinks: [{ write: (record) => void (record.type === 'step' && records.push(record)) }],
      startStep: state?.step ?? 0,
      checkpoint: {
        everySteps: 5,
        save: async (step) => {
          const kept = { step, seed: 1, ...(lossScale && { cursor: lossScale.state }) };
          await saveStepCheckpoint(join(folder, String(from)), { params, optimizer, config: {}, state: kept }, 9);
        },
      },
      ...more,
      lossScale,
    });
    const losses = records.map(({ loss, gradNorm }) => [loss, gradNorm]);
    return { records, losses, weights: values(params), scale: lossScale?.state };
  }

  it.each([
    ['one batch an update', {}],
    ['three batches an update', { accumulate: 3 }],
    ['a gradient from uphill', { gradients: pgd({ pattern: 'body.weight' }) }],
  ] as const)('changes nothing where all gradients fit, not one bit: %s', async (_, options) => {
    const [plain, scaled] = [await run(options), await run({ ...options, lossScale: new LossScale() })];
    expect(scaled.losses).toEqual(plain.losses);
    expect(scaled.weights).toEqual(plain.weights);
    expect(scaled.scale).toEqual({ scale: 65_536, since: 8, skipped: 0 });
  });

  it('halves where a gradient does not fit, and leaves that update out', async () => {
    const { records, scale } = await run({ lossScale: new LossScale(), gradients: overflowing(5000), totalSteps: 30 });
    const skipped = records.filter((record) => record.skipped);
    expect(skipped.length).toBeGreaterThan(2);
    expect(skipped.every(({ gradNorm, loss }) => gradNorm === 0 && Number.isFinite(loss))).toBe(true);
    expect(scale).toMatchObject({ scale: 65_536 / 2 ** skipped.length, skipped: skipped.length });
    expect(records.at(-1)!.skipped).toBeUndefined();
    const [first, second] = [records[0], records[1]];
    expect(first.skipped && second.skipped).toBe(true);
    const before = newModel();
    const one = await run({ lossScale: new LossScale(), gradients: overflowing(5000), totalSteps: 1 });
    expect(one.weights).toEqual(values(before));
  });

  it('doubles after many updates in a row', () => {
    const scale = new LossScale({ initial: 8, interval: 3 });
    for (let i = 0; i < 3; i++) scale.fitted();
    expect(scale.state).toEqual({ scale: 16, since: 0, skipped: 0 });
    scale.fitted();
    expect(scale.overflowed()).toBe(true);
    expect(scale.state).toEqual({ scale: 8, since: 0, skipped: 1 });
  });

  it('goes on from a checkpoint to the last bit', async () => {
    const options = { gradients: overflowing(5000) };
    const whole = await run({ ...options, lossScale: new LossScale({ interval: 3 }) });
    const saved = join(folder, 'undefined');
    await rm(join(saved, 'step-00000008'), { recursive: true });
    const rest = await run({ ...options, from: saved });
    expect(rest.losses).toEqual(whole.losses.slice(5));
    expect([rest.weights, rest.scale]).toEqual([whole.weights, whole.scale]);
    expect(whole.scale!.skipped).toBeGreaterThan(0);
  });

  it('leaves an error what no scale helps: a gradient that is none at 1', async () => {
    const step = run({ lossScale: new LossScale({ initial: 4 }), gradients: overflowing(0) });
    await expect(step).rejects.toThrow(/step 3: the gradient of .* is not finite/);
  });

  it.each([null, 5, { scale: -1, since: 0, skipped: 0 }, { scale: 2, since: 0.5, skipped: 0 }, { scale: 2 }])(
    'refuses a state that is none: %j',
    (state) => expect(() => new LossScale({}, state)).toThrow(/loss scale: expected/),
  );
});
