import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { batchSchedule, readBatch, type Dataset } from '@wbdc/data';
import { flatten, foldIn, randomKey } from '@wbdc/nn';
import type { PreparedView } from '@wbdc/pretrain-tasks';
import { adamW, trainLoop, type StepRecord } from '@wbdc/train';
import { loadEngine } from './engine.js';
import { modelOf, recipeOf } from './recipe.js';
import { median } from './statistics.js';

export interface Waited {
  /** Engine and threads. */
  readonly about: string;
  readonly parameters: number;
  /** Median of a step. */
  readonly seconds: number;
  /** Of all steps together, the time in which training had nothing to do because its next batch was not ready. */
  readonly share: number;
  readonly longest: number;
}

/**
 * A short pretraining at base size from a data set on disk, read and masked as `wbdc pretrain` does it. The first step
 * counts too, in which the reading thread starts.
 */
export async function trainFrom(dataset: Dataset, { steps, batch }: { steps: number; batch: number }): Promise<Waited> {
  const threads = availableParallelism();
  const sizes = { small: false, large: false, recompute: false, sizes: { batch }, rounds: steps, threads };
  const recipe = {
    ...recipeOf(sizes),
    frameSize: dataset.frameSize,
    vocabulary: dataset.vocabSize,
    tags: dataset.tagCount,
  };
  const about = await loadEngine('ort', threads);
  const { model } = modelOf(recipe);
  const params = model.init(randomKey(1));
  const optimizer = adamW(params, { learningRate: 5e-5, weightDecay: 0.01 });
  const schedule = batchSchedule({ lengths: dataset.lengths, batchSize: batch, seed: 1, rest: 'drop' });
  const done: StepRecord[] = [];
  await trainLoop<readonly PreparedView[]>({
    params,
    optimizer,
    totalSteps: steps,
    batchAt: async (step) => {
      const key = foldIn(randomKey(2), step);
      return model.prepare(
        await readBatch(dataset, schedule.batchOfStep(step), foldIn(key, 'frames')),
        foldIn(key, 'masks'),
      );
    },
    loss: (views, key) => model.loss(params, views, key),
    key: randomKey(3),
    clipNorm: 1,
    sinks: [{ write: (record) => void (record.type === 'step' && done.push(record)) }],
  });
  const parameters = flatten(params).reduce((total, { leaf }) => total + leaf.size, 0);
  optimizer.dispose();
  tf.disposeVariables();
  const total = (of: (step: StepRecord) => number): number => done.reduce((sum, step) => sum + of(step), 0);
  return {
    about,
    parameters,
    seconds: median(done.map(({ seconds }) => seconds)),
    share: total(({ waited = 0 }) => waited) / total(({ seconds }) => seconds),
    longest: Math.max(...done.map(({ waited = 0 }) => waited)),
  };
}
