import type { Measurement } from './measurement.js';
import { join } from 'node:path';
import { batchesPerEpoch, type BatchPlan } from '@wbdc/data/web';
import { fromRoot, single } from '@wbdc/distributed';
import { readIfThere } from '@wbdc/io';
import { flattenMeasured } from '@wbdc/metrics';
import { flatten, foldIn, randomKey, undrawn, type Key } from '@wbdc/nn';
import { METRICS_FILE, parseHistory } from '@wbdc/report/history';
import {
  adamW,
  constant,
  LossScale,
  trainLoop,
  type GradientDtype,
  warmupCosine,
  warmupLinear,
  type Optimizer,
  type Sink,
  type TrainLoopOptions,
} from '@wbdc/train';
import {
  findCheckpoint,
  hasCheckpoint,
  jsonlSink,
  lastingSink,
  loadCheckpoint,
  saveStepCheckpoint,
  type CheckpointFile,
  type RunState,
} from '@wbdc/train/node';
import type { Observer } from '../observer.js';
import type { TrainingRecipe } from '../recipes/recipe.js';
import { assertSavedModel } from '../saved/read.js';
import type { SavedModel } from '../saved/schema.js';
import type { LoopSettings } from '../settings/training.js';
import { averageBest, offerBest, type AveragedWeights, type BestWeights } from './best.js';
import { batchOrder, type BatchPosition } from './order.js';
import { assertSameTraining, isRoot, partHere, shardsOver, type Ranks } from './ranks.js';

/** The examples of a training. */
export interface TrainingData<B> {
  /** Lengths of the examples: those of a batch are alike. */
  readonly lengths: ArrayLike<number>;
  /** Sizes of sections that every epoch goes through in turn; all at once where there are none. */
  readonly sections?: readonly number[] | undefined;
  /** Reads the batch at a position: a pure function of it. */
  readonly read: (position: BatchPosition) => Promise<B>;
}

/** How a training begins. */
export interface TrainingStart {
  /** Values in all trained parameters together. */
  readonly parameters: number;
  readonly examples: number;
  /** What an example is, in the singular. */
  readonly noun: string;
  readonly batchSize: number;
  /** The step after which the training ends. */
  readonly steps: number;
  /** Of the schedule of the learning rates, which may be longer. */
  readonly scheduleSteps: number;
  /** Done before: the step of the checkpoint that the training goes on from. */
  readonly startStep: number;
}

/** Told how a training goes. Records of every step go to `sinks`. */
export interface TrainingObserver extends Observer {
  readonly onStart?: (start: TrainingStart) => void;
  /** After the last step, before the last measurement. */
  readonly onStepsEnd?: (end: { readonly step: number; readonly interrupted: boolean }) => void;
}

/** How a training runs, whatever is trained. */
export interface RunOptions extends Ranks {
  /** Decides every random choice: weights, order, masks, dropout. */
  readonly seed?: number;
  /** Gets `checkpoints/`, `metrics.jsonl` and what the training leaves. */
  readonly folder: string;
  /** Goes on from the last checkpoint in the folder, where there is one. */
  readonly resume?: boolean;
  /** Aborting ends the training after the current step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly observer?: TrainingObserver | undefined;
  /** Where the records of steps and measurements go, besides `metrics.jsonl`. */
  readonly sinks?: readonly Sink[];
  /** In what gradients travel between processes. */
  readonly gradientDtype?: GradientDtype | undefined;
  /** What is divided over the processes: 1, the moments of AdamW (ZeRO); 0, the default, nothing. */
  readonly zero?: 0 | 1 | undefined;
  /** For an engine that multiplies in float16: the loss is scaled, as far as the gradients fit. Default false. */
  readonly scaleLoss?: boolean;
}

/** What is trained on what. */
export interface TrainingOptions<B, M extends Measurement, R> extends RunOptions {
  readonly recipe: TrainingRecipe<B>;
  readonly data: TrainingData<B>;
  /** Measures the weights in place on held-out data. */
  readonly evaluate: () => Promise<M>;
  /** The model as its checkpoints describe it. A checkpoint to go on from must be of the same. */
  readonly model: SavedModel;
  /** Files to keep in every checkpoint: the tokenizer's. */
  readonly files?: readonly (string | CheckpointFile)[];
  /** Ends with the mean of the weights of the best measurements. */
  readonly best?: BestWeights | undefined;
  /** Runs at the end of a complete training, with the weights in place that it ends with: predictions, say. */
  readonly conclude?: (end: TrainingEnd<M>) => Promise<R>;
}

export interface TrainingEnd<M> {
  readonly step: number;
  readonly seed: number;
  /** Of the weights in place. */
  readonly measurement: M;
}

/** How a training ended. */
export interface TrainingResult<M, R = undefined> {
  readonly status: 'complete' | 'interrupted';
  /** Steps done. */
  readonly step: number;
  /** Folder of the checkpoints. */
  readonly checkpoints: string;
  /** File with a line of JSON for every step and measurement. */
  readonly metrics: string;
  /** Of the weights it ended with; none of an interrupted training. */
  readonly measurement?: M;
  /** Where it ended with the mean of several weights. */
  readonly averaged?: AveragedWeights | undefined;
  /** What `conclude` gave. */
  readonly conclusion?: R;
}

/**
 * Trains by a recipe, with `metrics.jsonl`, checkpoints and measurements on held-out data. Everything is a function of
 * the recipe, the data and the seed: a training that was interrupted or killed and goes on gives the same numbers, bit
 * by bit. The weights it ends with are in the recipe's parameters.
 *
 * Several processes (`communicator`) train as one: the batch is that of all of them, so that they give the losses of a
 * single one but for the order of sums, and any number of them goes on from the checkpoints of any other. All call it
 * with the same options; rank 0 measures and writes, and alone has a measurement and a conclusion.
 *
 * @throws Error where a checkpoint to go on from is of another model
 */
export async function runTraining<B, M extends Measurement, R = undefined>(
  options: TrainingOptions<B, M, R>,
): Promise<TrainingResult<M, R>> {
  const { recipe, folder } = options;
  const { params, rules, averageDecay, settings } = recipe;
  const { epsilon } = settings;
  const averaging = averageDecay !== undefined && { averageDecay };
  const optimizer = adamW(params, { ...rules, epsilon, ...averaging, shards: shardsOver(options) });
  try {
    const from = await restore(options, optimizer);
    const startStep = from?.step ?? 0;
    const { lossScale: saved } = (from?.cursor ?? {}) as { lossScale?: unknown };
    const begin: Begin = { startStep, lossScale: options.scaleLoss ? new LossScale({}, saved) : undefined };
    if (!isRoot(options)) return await train(options, optimizer, options.sinks ?? [], begin);
    const metrics = await jsonlSink(join(folder, METRICS_FILE), options.resume ? startStep : undefined);
    const lost = ({ message }: Error): void =>
      options.observer?.onWarning?.(`${message}; the training goes on, its record lacks what comes now`);
    const [record, ...others] = [metrics, ...(options.sinks ?? [])].map((sink) => lastingSink(sink, lost));
    try {
      return await train(options, optimizer, [record, ...others], begin);
    } finally {
      await record.close?.();
    }
  } finally {
    optimizer.dispose();
  }
}

const CHECKPOINTS = 'checkpoints';
const SCHEDULES = { cosine: warmupCosine, linear: warmupLinear, constant };

/** Where a training begins. */
interface Begin {
  readonly startStep: number;
  readonly lossScale: LossScale | undefined;
}

async function train<B, M extends Measurement, R>(
  options: TrainingOptions<B, M, R>,
  optimizer: Optimizer,
  sinks: readonly Sink[],
  { startStep, lossScale }: Begin,
): Promise<TrainingResult<M, R>> {
  const { recipe, data, folder, signal, observer = {} } = options;
  const { settings, noun } = recipe;
  const plan = planOf(options);
  const { steps, scheduleSteps } = stepsOf(settings, batchesPerEpoch(plan));
  const parameters = flatten(recipe.params).reduce((sum, { leaf }) => sum + leaf.size, 0);
  const examples = data.lengths.length;
  const { batchSize } = settings;
  observer.onStart?.({ parameters, examples, noun, batchSize, steps, scheduleSteps, startStep });
  const { communicator = single, model, gradientDtype = 'fp32', zero = 0 } = options;
  const exchange = `gradients in ${gradientDtype}, ZeRO ${zero}`;
  await assertSameTraining(communicator, { plan, params: recipe.params, settings, model, startStep, exchange });
  const measure = measuring(options);
  const due = evaluationDue(settings, batchesPerEpoch(plan));
  const { step, interrupted } = await trainLoop({
    ...loopOptions(options, optimizer, measure, { plan, steps, scheduleSteps, startStep, lossScale, due }),
    sinks: [...sinks, progressSink(observer, steps)],
    ...(signal && { signal }),
  });
  observer.onStepsEnd?.({ step, interrupted });
  const written = { step, checkpoints: join(folder, CHECKPOINTS), metrics: join(folder, METRICS_FILE) };
  if (interrupted) return { status: 'interrupted', ...written };
  if (!isRoot(options)) return { status: 'complete', ...written };
  const told = due(step) || (startStep === step && (await hasMeasurement(written.metrics, step)));
  const end = await averaged(recipe, optimizer, () => conclude(options, measure, { step, told }, sinks));
  return { status: 'complete', ...written, ...end };
}

/** Whether an attempt that ended after its last step has told what it measured then. */
async function hasMeasurement(path: string, step: number): Promise<boolean> {
  const { measurements } = parseHistory((await readIfThere(path)) ?? '');
  return measurements.some((one) => one.step === step);
}

/** Measures the weights in place, once a step. */
type Measure<M> = (step: number) => Promise<M>;

/** A step measured twice is measured once: that of the last step serves what comes after it. */
function measuring<B, M extends Measurement, R>(options: TrainingOptions<B, M, R>): Measure<M> {
  const { best, folder, recipe, evaluate } = options;
  let last: { readonly step: number; readonly measurement: M } | undefined;
  return async (step) => {
    if (last?.step === step) return last.measurement;
    const measurement = await evaluate();
    if (best) await offerBest(folder, best, recipe.params, step, measurement);
    last = { step, measurement };
    return measurement;
  };
}

/** The last measurement, the mean of the best weights where it is asked for, and what the caller does with them. */
async function conclude<B, M extends Measurement, R>(
  options: TrainingOptions<B, M, R>,
  measure: Measure<M>,
  { step, told }: { readonly step: number; readonly told: boolean },
  sinks: readonly Sink[],
): Promise<Pick<TrainingResult<M, R>, 'measurement' | 'averaged' | 'conclusion'>> {
  const { best, folder, recipe, evaluate, observer, seed = DEFAULT_SEED } = options;
  const start = performance.now();
  const last = await measure(step);
  if (!told) {
    const seconds = (performance.now() - start) / 1000; // else the loop has told the sinks
    const metrics = flattenMeasured(last.measured);
    for (const sink of sinks) await sink.write({ type: 'evaluation', step, metrics, seconds });
  }
  const mean = best && (await averageBest(folder, best, recipe.params));
  if (best && !mean) {
    observer?.onWarning?.(
      `no measurement of ${best.metric} is a number: ends with the last weights, not with the best`,
    );
  }
  const measurement = mean ? await evaluate() : last;
  const conclusion = await options.conclude?.({ step, seed, measurement });
  return { measurement, ...(mean && { averaged: mean }), ...(conclusion !== undefined && { conclusion }) };
}

/** Of every random choice, where none is given. */
export const DEFAULT_SEED = 1;

function planOf<B>({ data, recipe, seed = DEFAULT_SEED }: Planned<B>): BatchPlan {
  const { lengths, sections } = data;
  return { lengths, batchSize: recipe.settings.batchSize, seed, rest: 'drop', ...(sections && { sections }) };
}

interface Planned<B> extends Pick<RunOptions, 'seed'> {
  readonly data: TrainingData<B>;
  readonly recipe: TrainingRecipe<B>;
}

/** The step after which the training ends, and the steps of the whole schedule. */
function stepsOf({ epochs, stopAfter, accumulate }: LoopSettings, batches: number) {
  const stepsIn = (count: number): number => Math.max(1, Math.floor((count * batches) / accumulate));
  return { steps: stepsIn(Math.min(epochs, stopAfter ?? epochs)), scheduleSteps: stepsIn(epochs) };
}

/** After which steps to measure: every so many, or the last of each epoch. */
function evaluationDue({ evaluateEvery, accumulate }: LoopSettings, batches: number): (step: number) => boolean {
  if (evaluateEvery !== 'epoch') return (step) => step % evaluateEvery === 0;
  const epochsIn = (step: number): number => Math.floor((step * accumulate) / batches);
  return (step) => epochsIn(step) > epochsIn(step - 1);
}

/** Runs with the averaged weights, where there are any. */
function averaged<B, T>({ averageDecay }: TrainingRecipe<B>, optimizer: Optimizer, run: () => Promise<T>): Promise<T> {
  return averageDecay === undefined ? run() : optimizer.withAverages(run);
}

interface Course extends Begin {
  readonly plan: BatchPlan;
  readonly steps: number;
  readonly scheduleSteps: number;
  /** After which steps to measure. */
  readonly due: (step: number) => boolean;
}

function loopOptions<B, M extends Measurement, R>(
  options: TrainingOptions<B, M, R>,
  optimizer: Optimizer,
  measure: Measure<M>,
  { plan, steps, scheduleSteps, startStep, lossScale, due }: Course,
): TrainLoopOptions<B> {
  const { recipe, data, folder, model, files = [], seed = DEFAULT_SEED } = options;
  const { settings, params } = recipe;
  const key = randomKey(seed);
  const order = batchOrder(plan, key, partHere(options));
  const warmup = Math.round(settings.warmup * scheduleSteps);
  const save = async (step: number): Promise<void> => {
    if (!isRoot(options)) return optimizer.share();
    const cursor = {
      epoch: order.epochOf(step * settings.accumulate),
      ...(lossScale && { lossScale: lossScale.state }),
    };
    const state = { step, seed, cursor };
    await saveStepCheckpoint(join(folder, CHECKPOINTS), { params, optimizer, config: { ...model }, state, files });
  };
  return {
    params,
    optimizer,
    totalSteps: steps,
    startStep,
    batchAt: (index) => data.read(order.at(index)),
    loss: recipe.loss,
    asked: recipe.asked,
    key: foldIn(key, 'loss'),
    schedule: (step) => SCHEDULES[settings.schedule](step, scheduleSteps, warmup),
    ...(settings.clipNorm === null ? {} : { clipNorm: settings.clipNorm }),
    accumulate: settings.accumulate,
    ids: recipe.ids,
    gradients: recipe.gradients,
    communicator: options.communicator,
    gradientDtype: options.gradientDtype,
    lossScale,
    checkpoint: { everySteps: settings.checkpointEvery, save },
    evaluate: {
      everySteps: due,
      run: (step) =>
        !isRoot(options)
          ? Promise.resolve({})
          : averaged(recipe, optimizer, async () => flattenMeasured((await measure(step)).measured)),
    },
  };
}

/**
 * Draws the fresh weights of a run. Those below the paths of `given` are zeros: a file gives them their values; all are
 * where a checkpoint of the run does.
 */
export async function freshWeights(options: RunOptions, given: readonly string[] = []): Promise<Key> {
  const key = foldIn(randomKey(options.seed ?? DEFAULT_SEED), 'init');
  return undrawn(key, (await goesOn(options)) ? undefined : given);
}

/** Whether a run goes on from a checkpoint of its own. */
export async function goesOn({ folder, resume = false, communicator = single }: RunOptions): Promise<boolean> {
  return resume && fromRoot(communicator, () => hasCheckpoint(join(folder, CHECKPOINTS)));
}

async function restore<B, M extends Measurement, R>(
  options: TrainingOptions<B, M, R>,
  optimizer: Optimizer,
): Promise<RunState | undefined> {
  if (!(await goesOn(options))) return undefined;
  const { recipe, folder, model, communicator = single } = options;
  const checkpoint = await fromRoot(communicator, () => findCheckpoint(join(folder, CHECKPOINTS)));
  await assertSavedModel(checkpoint, model);
  return loadCheckpoint(checkpoint, { params: recipe.params, optimizer });
}

function progressSink({ onProgress }: Observer, total: number): Sink {
  return {
    write: (record) => {
      if (record.type !== 'step') return;
      const { step, loss } = record;
      const about = `loss ${Number(loss.toPrecision(4))}`;
      onProgress?.({ noun: 'steps', done: step, total, about, ended: step === total });
    },
  };
}
