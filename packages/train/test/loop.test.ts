import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { disposeTree, linear, newLinear, randomKey, softmaxCrossEntropy } from '@wbdc/nn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ENGINES, useEngine } from '../../../tools/testing.js';
import { adamW, trainLoop, warmupCosine } from '../src/index.js';
import type { Sink, StepRecord, TelemetryRecord, TrainLoopOptions } from '../src/index.js';
import { loadCheckpoint, saveStepCheckpoint } from '../src/node.js';
import { batchAt, loss, newModel, newOptimizer, values, type Model, type Rows } from './helpers.js';

function memorySink(): Sink & { records: TelemetryRecord[] } {
  const records: TelemetryRecord[] = [];
  return { records, write: (record) => void records.push(record) };
}

describe.each(ENGINES)('the loop on %s', (engine) => {
  let params: Model;
  let options: TrainLoopOptions<Rows>;
  let sink: ReturnType<typeof memorySink>;
  beforeEach(async () => {
    await useEngine(engine);
    params = newModel();
    sink = memorySink();
    options = {
      params,
      optimizer: newOptimizer(params),
      totalSteps: 7,
      batchAt,
      loss: (batch, key) => loss(params, batch, key),
      key: randomKey(3),
      schedule: (step) => warmupCosine(step, 7, 2),
      clipNorm: 0.5,
      ids: ({ ids }) => ids,
      sinks: [sink],
    };
  });
  const losses = (records: readonly TelemetryRecord[]): unknown[] =>
    records.map((record) => (record.type === 'step' ? [record.step, record.loss, record.gradNorm] : record.type));

  it('tells of every step', async () => {
    let time = 0;
    expect(await trainLoop({ ...options, clock: () => (time += 500) })).toEqual({ step: 7, interrupted: false });
    expect(sink.records.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(sink.records[1]).toMatchObject({
      type: 'step',
      learningRate: 0.025,
      seconds: 1,
      waited: 0.5,
      videosPerSecond: 3,
    });
    const { metrics, ...record } = sink.records[3] as TelemetryRecord & { loss: number };
    expect(metrics['fit/loss']).toBe(record.loss);
    expect(Number.isFinite(metrics.size)).toBe(true);
  });

  it('lowers the loss', async () => {
    const everyTime = { ...options, totalSteps: 60, schedule: () => 1, batchAt: () => batchAt(0) };
    await trainLoop(everyTime);
    const steps = sink.records.map((record) => (record.type === 'step' ? record.loss : NaN));
    expect(steps.at(-1)).toBeLessThan(steps[0] / 2);
  });

  it('resumes to the last bit, dropout and averages included', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'train-'));
    const run = async (startStep: number, totalSteps: number): Promise<unknown[]> => {
      const model = newModel(startStep + 1);
      const optimizer = newOptimizer(model, 0.9);
      if (startStep > 0) expect((await loadCheckpoint(folder, { params: model, optimizer })).step).toBe(startStep);
      const records = memorySink();
      const save = async (step: number): Promise<void> => {
        await saveStepCheckpoint(folder, { params: model, optimizer, config: {}, state: { step, seed: 1 } });
      };
      const own = {
        params: model,
        optimizer,
        sinks: [records],
        loss: (batch: Rows, key = randomKey(0)) => loss(model, batch, key),
      };
      await trainLoop({ ...options, ...own, startStep, totalSteps, checkpoint: { save } });
      const averages = await optimizer.withAverages(() => values(model));
      return [...losses(records.records), values(model), averages];
    };
    const whole = await run(0, 7);
    await rm(folder, { recursive: true });
    const first = await run(0, 4);
    const second = await run(4, 7);
    expect([...first.slice(0, 4), ...second]).toEqual(whole);
    await rm(folder, { recursive: true });
  });

  it('sees several batches as one', async () => {
    const seen: number[] = [];
    const counted = (index: number): Promise<Rows> => (seen.push(index), batchAt(index));
    const plain = {
      ...options,
      loss: (batch: Rows) => loss(params, batch),
      batchAt: counted,
      accumulate: 2,
      totalSteps: 1,
    };
    const before = tf.memory().numTensors;
    await trainLoop({ ...plain, startStep: 0, schedule: () => 1 });
    expect(tf.memory().numTensors).toBe(before);
    const accumulated = values(params);

    const other = newModel();
    const both = async (): Promise<Rows> => {
      const [a, b] = [await batchAt(0), await batchAt(1)];
      return { ids: [...a.ids, ...b.ids], inputs: Float32Array.from([...a.inputs, ...b.inputs]) };
    };
    const halves = (batch: Rows) => {
      return tf.tidy(() => {
        const [a, b] = [batch.inputs.slice(0, 15), batch.inputs.slice(15)].map(
          (inputs) => loss(other, { ids: [], inputs }).loss,
        );
        return { loss: tf.div(tf.add(a, b), 2) as tf.Scalar, metrics: {} };
      });
    };
    await trainLoop({
      ...options,
      params: other,
      optimizer: newOptimizer(other),
      schedule: () => 1,
      batchAt: both,
      loss: halves,
      totalSteps: 1,
    });
    expect(seen).toEqual([0, 1]);
    values(other).forEach((list, k) => list.forEach((value, i) => expect(value).toBeCloseTo(accumulated[k][i], 5)));
  });

  it.each(['count', 'asked'] as const)('divides by all items of an update, told by %s', async (told) => {
    const rows = Array.from({ length: 8 }, (_, i) => [Math.sin(i), Math.cos(2 * i), 1]);
    const labels = Int32Array.of(0, 1, 1, 1, 1, 1, 1, 1);
    const update = async (cuts: readonly (readonly [number, number])[]) => {
      const head = newLinear(randomKey(3), 3, 2);
      const records: StepRecord[] = [];
      await trainLoop<readonly [number, number]>({
        params: { head },
        optimizer: adamW({ head }, { learningRate: 0.1 }),
        totalSteps: 1,
        accumulate: cuts.length,
        key: randomKey(1),
        batchAt: async (index) => cuts[index],
        ...(told === 'asked' && { asked: ([from, to]) => ({ tokens: to - from }) }),
        loss: ([from, to], _key, meanAsked) =>
          tf.tidy(() => {
            const count = to - from;
            const mean = softmaxCrossEntropy(linear(tf.tensor2d(rows.slice(from, to)), head), labels.slice(from, to));
            const value: tf.Scalar = tf.mul(mean, told === 'asked' && meanAsked ? count / meanAsked['tokens'] : 1);
            return { loss: value, ...(told === 'count' && { count }), metrics: {} };
          }),
        sinks: [{ write: (record) => void records.push(record as StepRecord) }],
      });
      return { ...records[0], weights: [...head.weight.dataSync()] };
    };
    const [whole, parts] = [
      await update([[0, 8]]),
      await update([
        [0, 1],
        [1, 8],
      ]),
    ];
    expect(parts.loss).toBeCloseTo(whole.loss, 6);
    expect(parts.gradNorm).toBeCloseTo(whole.gradNorm, 6);
    parts.weights.forEach((weight, i) => expect(weight).toBeCloseTo(whole.weights[i], 6));
    // The whole batch, by hand; means of means would give a norm of 0.363.
    expect([whole.loss, whole.gradNorm].map((value) => value.toFixed(3))).toEqual(['0.688', '0.751']);
  });

  it('asks for the next batch before it computes, and for none past the end', async () => {
    const order: string[] = [];
    await trainLoop({
      ...options,
      totalSteps: 3,
      batchAt: (index) => (order.push(`batch ${index}`), batchAt(index)),
      sinks: [{ write: ({ step }) => void order.push(`step ${step}`) }],
    });
    expect(order).toEqual(['batch 0', 'batch 1', 'step 1', 'batch 2', 'step 2', 'step 3']);
  });

  it('finishes the step, flushes and saves when interrupted', async () => {
    const stop = new AbortController();
    const order: string[] = [];
    const watching: Sink = {
      write: ({ step }) => {
        order.push(`step ${step}`);
        if (step === 3) stop.abort();
      },
      flush: () => void order.push('flush'),
    };
    const checkpoint = { save: async (step: number) => void order.push(`save ${step}`), everySteps: 2 };
    const result = await trainLoop({ ...options, sinks: [watching], signal: stop.signal, checkpoint });
    expect(result).toEqual({ step: 3, interrupted: true });
    expect(order).toEqual(['step 1', 'step 2', 'flush', 'save 2', 'step 3', 'flush', 'save 3']);
  });

  it('evaluates before it saves, and saves by time', async () => {
    const order: string[] = [];
    let time = 0;
    await trainLoop({
      ...options,
      totalSteps: 4,
      clock: () => (time += 20_000),
      sinks: [
        {
          write: ({ type, step, metrics }) =>
            void order.push(`${type} ${step} ${type === 'evaluation' ? metrics.mAP : ''}`),
        },
      ],
      evaluate: { everySteps: 2, run: async (step) => ({ mAP: step / 4 }) },
      checkpoint: { everyMinutes: 2, save: async (step) => void order.push(`save ${step}`) },
    });
    expect(order).toEqual([
      'step 1 ',
      'step 2 ',
      'evaluation 2 0.5',
      'save 2',
      'step 3 ',
      'step 4 ',
      'evaluation 4 1',
      'save 4',
    ]);
  });

  it('keeps the weights and names step, losses and videos when a loss is not finite', async () => {
    const poisoned = async (index: number): Promise<Rows> => {
      const batch = await batchAt(index);
      return index === 2 ? { ...batch, inputs: batch.inputs.fill(NaN) } : batch;
    };
    let saved: number[][] = [];
    const before = tf.memory().numTensors;
    const remember: Sink = { write: () => void (saved = values(params)) };
    await expect(trainLoop({ ...options, batchAt: poisoned, sinks: [remember] })).rejects.toThrow(
      new RegExp(
        'step 3: the loss is not finite: loss NaN \\(fit/loss NaN\\), ' +
          'batch 2 with video-2-0, video-2-1, video-2-2\\. .*lower the learning rate',
      ),
    );
    expect(values(params)).toEqual(saved);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('names parameters whose gradient is not finite', async () => {
    const infinite = (batch: Rows, key = randomKey(0)) => {
      const result = loss(params, batch, key);
      // The square root of 0 has an infinite slope.
      const edge = tf.tidy(() => tf.sum(tf.sqrt(tf.mul(params.head.bias, 0))) as tf.Scalar);
      return { ...result, loss: tf.add(result.loss, edge) as tf.Scalar };
    };
    await expect(trainLoop({ ...options, loss: infinite })).rejects.toThrow(
      /step 1: the gradient of head\.bias is not finite: loss 0\./,
    );
  });

  it('hands on an error of the data at its turn', async () => {
    const failing = (index: number): Promise<Rows> =>
      index === 2 ? Promise.reject(new Error('broken zip')) : batchAt(index);
    await expect(trainLoop({ ...options, batchAt: failing })).rejects.toThrow('broken zip');
    expect(sink.records).toHaveLength(2);
  });

  it('keeps no tensors over 200 steps', async () => {
    const counts: number[] = [];
    const count: Sink = { write: () => void counts.push(tf.memory().numTensors) };
    await trainLoop({ ...options, totalSteps: 200, schedule: () => 1, sinks: [count] });
    expect(new Set(counts).size).toBe(1);
  });

  it('rejects steps that are no count', async () => {
    await expect(trainLoop({ ...options, totalSteps: 2.5 })).rejects.toThrow(/totalSteps.*got 2\.5/);
    await expect(trainLoop({ ...options, accumulate: 0 })).rejects.toThrow(/accumulate.*from 1 up, got 0/);
  });

  afterEach(() => {
    options.optimizer.dispose();
    disposeTree(params);
  });
});
