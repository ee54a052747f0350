import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { disposeTree, parameter } from '@wbdc/nn';
import { valueAndGrad, type Sink, type TelemetryRecord } from '@wbdc/train';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  describeModel,
  framesSchema,
  modelSchema,
  tasksSchema,
  textSchema,
  trainSchema,
  type TrainingRecipe,
} from '../../src/index.js';
import { runTraining, type TrainingObserver, type TrainingOptions } from '../../src/node.js';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-training-'))));
afterEach(() => rm(folder, { recursive: true }));

interface Numbers {
  readonly values: readonly number[];
}

const model = describeModel('pretrained', {
  sizes: modelSchema.parse({ width: 4, heads: 2 }),
  text: textSchema.parse({}),
  frames: framesSchema.parse({}),
  features: null,
  tasks: tasksSchema.parse({}),
  views: {},
});

/** Learns the mean of the examples 0 to 9. */
function meanRecipe(settings: object = {}, averageDecay?: number): TrainingRecipe<Numbers, { guess: tf.Variable }> {
  const params = { guess: parameter(Float32Array.of(0), [1]) as tf.Variable };
  return {
    about: 'mean',
    noun: 'number',
    settings: trainSchema.parse({ batchSize: 2, epochs: 2, evaluateEvery: 5, checkpointEvery: 4, ...settings }),
    params,
    components: params,
    loss: ({ values }) => {
      return { loss: tf.mean(tf.square(tf.sub(params.guess, tf.tensor1d([...values])))), metrics: {} };
    },
    rules: { learningRate: 0.1 },
    gradients: valueAndGrad,
    ids: ({ values }) => values.map(String),
    ...(averageDecay !== undefined && { averageDecay }),
  };
}

type Options = TrainingOptions<Numbers, { measured: { guess: { value: number } } }, string>;

/** A training, with how often it measured. */
async function train(settings: object = {}, own: Partial<Options> = {}, averageDecay?: number) {
  const recipe = meanRecipe(settings, averageDecay);
  let evaluations = 0;
  const records: TelemetryRecord[] = [];
  const sink: Sink = { write: (record) => void records.push(record) };
  const guess = (): number => recipe.params.guess.dataSync()[0];
  try {
    const result = await runTraining<Numbers, { measured: { guess: { value: number } } }, string>({
      recipe,
      data: { lengths: new Int32Array(10), read: async ({ indices }) => ({ values: indices }) },
      evaluate: async () => {
        evaluations++;
        return { measured: { guess: { value: guess() } } };
      },
      model,
      seed: 3,
      folder,
      sinks: [sink],
      ...own,
    });
    return { result, evaluations, records, guess: guess() };
  } finally {
    disposeTree(recipe.params);
  }
}

const losses = (records: readonly TelemetryRecord[]) =>
  records.flatMap((record) => (record.type === 'step' ? [record.loss] : []));

describe('runTraining', () => {
  it('killed while it concludes, tells what it measured last no second time', async () => {
    const settings = { evaluateEvery: 4 }; // of 10 steps: the last measurement is the conclusion's
    const killed = () => Promise.reject(new Error('killed'));
    await expect(train(settings, { conclude: killed })).rejects.toThrow('killed');
    const { records } = await train(settings, { resume: true });
    expect(records).toEqual([]);
    const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const measured = lines.map((line) => JSON.parse(line) as TelemetryRecord).filter(({ type }) => type !== 'step');
    expect(measured.map(({ step }) => step)).toEqual([4, 8, 10]);
  });

  it('measures every evaluateEvery steps, and the last weights once', async () => {
    const { result, evaluations, records } = await train(); // 10 steps, the last of them measured by the loop
    expect(result).toMatchObject({ status: 'complete', step: 10 });
    expect(evaluations).toBe(2);
    expect(records.filter(({ type }) => type === 'evaluation').map(({ step }) => step)).toEqual([5, 10]);
  });

  it('hands the last measurement on to what concludes', async () => {
    const { result, evaluations, guess } = await train(
      { evaluateEvery: 4 },
      {
        conclude: async ({ step, seed, measurement }) => JSON.stringify({ step, seed, ...measurement.measured.guess }),
      },
    );
    expect(evaluations).toBe(3); // after steps 4, 8 and 10
    expect(JSON.parse(result.conclusion!)).toEqual({ step: 10, seed: 3, value: guess });
    expect(result.measurement).toEqual({ measured: { guess: { value: guess } } });
  });

  it('measures the mean of the best weights once more', async () => {
    const { result, evaluations } = await train({}, { best: { count: 2, metric: 'guess' } });
    expect(evaluations).toBe(3);
    const { steps } = result.averaged!;
    expect(steps.map(({ step }) => step)).toEqual([10, 5]);
    const mean = (steps[0].score + steps[1].score) / 2;
    expect(result.measurement!.measured.guess.value).toBeCloseTo(mean, 6);
  });

  it('says so where no measurement was a number, and ends with the last weights', async () => {
    const warnings: string[] = [];
    const observer = { onWarning: (line: string) => void warnings.push(line) };
    const { result } = await train({}, { best: { count: 2, metric: 'other' }, observer });
    expect(result.averaged).toBeUndefined();
    expect(warnings).toEqual(['no measurement of other is a number: ends with the last weights, not with the best']);
  });

  it('concludes with averaged weights where they are kept', async () => {
    const { result, guess } = await train({}, {}, 0.5);
    const { value } = result.measurement!.measured.guess;
    expect(value).toBeGreaterThan(0);
    expect(value).toBeLessThan(guess); // the average lags behind
  });

  it('goes on after an interruption as if there had been none', async () => {
    const whole = await train();
    const other = await mkdtemp(join(tmpdir(), 'wbdc-training-'));
    const stop = new AbortController();
    const stopping: Sink = { write: ({ step }) => void (step === 3 && stop.abort()) };
    const first = await train({}, { folder: other, signal: stop.signal, sinks: [stopping] });
    expect(first.result).toEqual({
      status: 'interrupted',
      step: 3,
      checkpoints: join(other, 'checkpoints'),
      metrics: join(other, 'metrics.jsonl'),
    });
    const rest = await train({}, { folder: other, resume: true });
    expect(losses(rest.records)).toEqual(losses(whole.records).slice(3));
    expect(rest.guess).toBe(whole.guess);
    const steps = (await readFile(join(other, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(steps.map((line) => (JSON.parse(line) as TelemetryRecord).step)).toEqual([
      1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10,
    ]);
    await rm(other, { recursive: true });
  });

  it('goes on from a checkpoint of 0.1.0, and from none of another model', async () => {
    const stop = new AbortController();
    const stopping: Sink = { write: ({ step }) => void (step === 3 && stop.abort()) };
    await train({}, { signal: stop.signal, sinks: [stopping] });
    const path = join(folder, 'checkpoints/step-00000003/config.json');
    const saved = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...saved, version: undefined, kind: undefined, model: 'uni-model' }));
    const wider = { ...model, sizes: { ...model.sizes, width: 8 } };
    await expect(train({}, { resume: true, model: wider })).rejects.toThrow('sizes.width: expected 8, got 4');
    expect((await train({}, { resume: true })).result).toMatchObject({ status: 'complete', step: 10 });
  });

  it('tells how it goes', async () => {
    const told: unknown[] = [];
    const observer: TrainingObserver = {
      onStart: (start) => told.push(start),
      onProgress: ({ done, total, ended }) => told.push([done, total, ended]),
      onStepsEnd: (end) => told.push(end),
    };
    await train({ epochs: 1, accumulate: 2 }, { observer });
    expect(told).toEqual([
      { parameters: 1, examples: 10, noun: 'number', batchSize: 2, steps: 2, scheduleSteps: 2, startStep: 0 },
      [1, 2, false],
      [2, 2, true],
      { step: 2, interrupted: false },
    ]);
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    await train();
    await expect(train({}, { evaluate: () => Promise.reject(new Error('no')) })).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('keeps files that it is given, copied or written', async () => {
    const file = join(folder, 'a.txt');
    await writeFile(file, 'a');
    await train({}, { files: [file, { name: 'b.txt', contents: 'b' }] });
    const read = (name: string) => readFile(join(folder, 'checkpoints/step-00000010', name), 'utf8');
    expect([await read('a.txt'), await read('b.txt')]).toEqual(['a', 'b']);
  });
});
