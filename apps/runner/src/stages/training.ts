import { flattenMeasured, type Measured } from '@wbdc/metrics';
import { join } from 'node:path';
import { batchesPerEpoch, type BatchPlan } from '@wbdc/data';
import { flatten, foldIn, randomKey, type Key, type LossResult, type ParamTree } from '@wbdc/nn';
import { batchOrder, type BatchPosition, type LoopSettings, type SavedModel } from '@wbdc/pipeline';
import { assertSavedModel } from '@wbdc/pipeline/node';
import { adamW, constant, trainLoop, warmupCosine, warmupLinear } from '@wbdc/train';
import type { GradientFunction, Optimizer, Rules, Sink, TrainLoopOptions } from '@wbdc/train';
import {
  findCheckpoint,
  hasCheckpoint,
  jsonlSink,
  loadCheckpoint,
  saveCheckpoint,
  saveStepCheckpoint,
  type RunState,
} from '@wbdc/train/node';
import { averageBest, offerBest, type Best } from './best.js';
import { counted, formatCount, formatNumber } from '../format.js';
import { createProgress, progressSink, waitingSink } from '../progress.js';
import type { Artifact, JsonObject, StageContext } from '../stage.js';

type Evaluation = Readonly<Record<string, Measured>>;

/** What a training leaves besides its checkpoints. */
export type Conclusion = Pick<Trained, 'made' | 'summary'>;

/** What is trained on what. */
export interface TrainingJob<B> {
  readonly params: ParamTree;
  readonly settings: LoopSettings;
  readonly rules: Rules;
  /** What the examples are, where not videos. */
  readonly noun?: string;
  /** Default: the plain gradient. */
  readonly gradients?: GradientFunction;
  /** Averages the weights with this decay; measured and concluded with are then the averages. */
  readonly averageDecay?: number | undefined;
  /** Ends with the mean of the weights of the best measurements. */
  readonly best?: Best | undefined;
  /** Lengths of the training examples. */
  readonly lengths: ArrayLike<number>;
  /** Sizes of parts that every epoch goes through in turn; all at once where there are none. */
  readonly parts?: readonly number[];
  /** Reads the examples of a batch; the key draws their frames and masks. */
  readonly read: (indices: readonly number[], key: Key, position: BatchPosition) => Promise<B>;
  readonly loss: (batch: B, key: Key) => LossResult;
  readonly ids: (batch: B) => readonly string[];
  /** Measures on the held-out splits. */
  readonly evaluate: () => Promise<Evaluation>;
  /** Runs at the end of a complete training: predictions, say. */
  readonly conclude?: () => Promise<Conclusion>;
  /** What a checkpoint must fit, written beside it. */
  readonly config: SavedModel;
  /** What to save in the end instead of all parameters, once the weights to keep are in place. */
  readonly finished?: () => Promise<Finished>;
  /** Files copied into every checkpoint: the tokenizer. */
  readonly files: readonly string[];
}

/** The model that a training leaves for use. */
export interface Finished {
  readonly params: ParamTree;
  readonly config: SavedModel;
  readonly made: readonly Artifact[];
}

/** How a training ended, in the words of a stage's result. */
export interface Trained {
  readonly status: 'complete' | 'interrupted';
  readonly made: readonly Artifact[];
  readonly summary: JsonObject;
}

/** Folder of the weights that a finished finetuning ends with. */
export const FINISHED_MODEL = 'model';

const SCHEDULES = { cosine: warmupCosine, linear: warmupLinear, constant };

/**
 * Trains with progress, metrics.jsonl, checkpoints and measurements on the held-out splits, from the last checkpoint of
 * the stage's folder where there is one.
 */
export async function train<B>(context: StageContext, job: TrainingJob<B>): Promise<Trained> {
  const { config, folder, signal, output } = context;
  const { settings, params } = job;
  const { lengths, parts } = job;
  const plan: BatchPlan = {
    lengths,
    batchSize: settings.batchSize,
    seed: config.seed,
    rest: 'drop',
    ...(parts && { parts }),
  };
  const { totalSteps, lastStep } = stepsOf(settings, batchesPerEpoch(plan));
  const optimizer = adamW(params, {
    ...job.rules,
    ...(job.averageDecay !== undefined && { averageDecay: job.averageDecay }),
  });
  const checkpoints = join(folder, 'checkpoints');
  const startStep = context.resume ? await restore(checkpoints, params, optimizer, job.config) : 0;
  const size = flatten(params).reduce((sum, { leaf }) => sum + leaf.size, 0);
  output.say(
    `training ${formatCount(size)} parameters on ${counted(job.lengths.length, job.noun ?? 'video')}, ${counted(lastStep, 'step')} of ${settings.batchSize}` +
      (lastStep < totalSteps ? ` (the schedule is of ${totalSteps})` : '') +
      (startStep > 0 ? `, going on after step ${startStep}` : ''),
  );
  const metrics = await jsonlSink(join(folder, 'metrics.jsonl'), context.resume ? startStep : undefined);
  const progress = createProgress(output, 'steps');
  const waiting = waitingSink();
  const sinks = [metrics, progressSink(progress, lastStep), waiting];
  try {
    const order = { plan, totalSteps, lastStep, startStep };
    const { step, interrupted } = await trainLoop({ ...loopOptions(context, job, optimizer, order), sinks, signal });
    progress.stop();
    if (step > startStep) output.say(`waited for data ${formatNumber(100 * waiting.share())} % of the time`);
    const made = [
      { path: checkpoints, about: `weights, optimizer and position after step ${step}` },
      { path: join(folder, 'metrics.jsonl'), about: 'losses and measurements by step' },
    ];
    if (interrupted) return { status: 'interrupted', made, summary: { step } };
    return await averaged(job, optimizer, async () => {
      const last = await measureLast(job, step, sinks);
      if (job.best) await offerBest(context, job.best, params, step, last);
      const mean = job.best && (await averageBest(context, job.best, params, job.evaluate));
      const measured = { step, ...mean?.summary, ...summaryOf(mean?.measured ?? last) };
      const done = { status: 'complete' as const, made: [...made, ...(mean ? [mean.made] : [])], summary: measured };
      if (job.conclude === undefined) return done;
      const model = await saveFinished(folder, job, { step, seed: config.seed });
      const end = await job.conclude();
      return { ...done, made: [...done.made, ...model, ...end.made], summary: { ...measured, ...end.summary } };
    });
  } finally {
    progress.stop();
    await metrics.close?.();
  }
}

/** Steps of the whole schedule, and the one after which the training ends. */
function stepsOf({ epochs, stopAfter, accumulate }: LoopSettings, batches: number) {
  const stepsIn = (count: number): number => Math.max(1, Math.floor((count * batches) / accumulate));
  return { totalSteps: stepsIn(epochs), lastStep: stepsIn(Math.min(epochs, stopAfter ?? epochs)) };
}

/** The weights that were measured, as a checkpoint of their own: for prediction, while the others are for going on. */
async function saveFinished<B>(folder: string, job: TrainingJob<B>, state: RunState): Promise<Artifact[]> {
  const path = join(folder, FINISHED_MODEL);
  const { params, config, made } = (await job.finished?.()) ?? { params: job.params, config: job.config, made: [] };
  await saveCheckpoint(path, { params, config, state, files: job.files });
  return [{ path, about: 'the finished model, for predict, embed and similar' }, ...made];
}

/** Runs with the averaged weights, where there are any. */
function averaged<B, T>(job: TrainingJob<B>, optimizer: Optimizer, run: () => Promise<T>): Promise<T> {
  return job.averageDecay === undefined ? run() : optimizer.withAverages(run);
}

interface Order {
  readonly plan: BatchPlan;
  /** Of the schedule. */
  readonly totalSteps: number;
  readonly lastStep: number;
  readonly startStep: number;
}

function loopOptions<B>(
  context: StageContext,
  job: TrainingJob<B>,
  optimizer: Optimizer,
  { plan, totalSteps, lastStep, startStep }: Order,
): TrainLoopOptions<B> {
  const { config, folder } = context;
  const { settings, params } = job;
  const key = randomKey(config.seed);
  const order = batchOrder(plan, key);
  const warmup = Math.round(settings.warmup * totalSteps);
  const save = async (step: number): Promise<void> => {
    const epoch = order.epochOf(step * settings.accumulate);
    const state = { step, seed: config.seed, cursor: { epoch } };
    const content = { params, optimizer, config: job.config, state, files: job.files };
    await saveStepCheckpoint(join(folder, 'checkpoints'), content);
  };
  return {
    params,
    optimizer,
    totalSteps: lastStep,
    startStep,
    batchAt: (index) => {
      const position = order.at(index);
      return job.read(position.indices, position.key, position);
    },
    loss: job.loss,
    key: foldIn(key, 'loss'),
    schedule: (step) => SCHEDULES[settings.schedule](step, totalSteps, warmup),
    ...(settings.clipNorm === null ? {} : { clipNorm: settings.clipNorm }),
    accumulate: settings.accumulate,
    ids: job.ids,
    ...(job.gradients && { gradients: job.gradients }),
    checkpoint: { everySteps: settings.checkpointEvery, save },
    evaluate: {
      everySteps: settings.evaluateEvery,
      run: (step) =>
        averaged(job, optimizer, async () => {
          const measured = await job.evaluate();
          if (job.best) await offerBest(context, job.best, params, step, measured);
          return flattenMeasured(measured);
        }),
    },
  };
}

/** The last measurement, told to the sinks unless the loop has just told the same. */
async function measureLast<B>(job: TrainingJob<B>, step: number, sinks: readonly Sink[]): Promise<Evaluation> {
  const start = performance.now();
  const measured = await job.evaluate();
  if (step % job.settings.evaluateEvery === 0) return measured;
  const seconds = (performance.now() - start) / 1000;
  for (const sink of sinks) await sink.write({ type: 'evaluation', step, metrics: flattenMeasured(measured), seconds });
  return measured;
}

async function restore(
  checkpoints: string,
  params: ParamTree,
  optimizer: Optimizer,
  config: SavedModel,
): Promise<number> {
  if (!(await hasCheckpoint(checkpoints))) return 0;
  const folder = await findCheckpoint(checkpoints);
  await assertSavedModel(folder, config);
  return (await loadCheckpoint(folder, { params, optimizer })).step;
}

function summaryOf(measured: Evaluation): JsonObject {
  const lines = Object.entries(measured).map(([name, { value, baseline }]) => [
    `held-out ${name}`,
    baseline === undefined
      ? formatNumber(value)
      : `${formatNumber(value)} (trivial baseline ${formatNumber(baseline)})`,
  ]);
  return { ...Object.fromEntries(lines), measured: flattenMeasured(measured) };
}
