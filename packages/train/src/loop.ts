import * as tf from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import { WbdcError } from '@wbdc/io/errors';
import type { Key, LossResult, ParamTree } from '@wbdc/nn';
import type { Optimizer } from './adamw.js';
import { exchangeOf, type Exchange, type GradientDtype } from './exchange.js';
import { valueAndGrad, type GradientFunction } from './gradients.js';
import type { LossScale } from './loss-scale.js';
import { updateOnce, type Asked, type NumberedBatch, type StepOptions } from './step.js';
import type { EvaluationRecord, Sink, StepRecord, TelemetryRecord } from './telemetry.js';

export interface TrainLoopOptions<B> {
  readonly params: ParamTree;
  readonly optimizer: Optimizer;
  readonly totalSteps: number;
  /** Updates already done: the step of the checkpoint to go on from. Default 0. */
  readonly startStep?: number;
  /** The batch of a number, a pure function of it. The next one is asked for while this one is computed. */
  readonly batchAt: (index: number) => Promise<B>;
  /** The loss of a batch. Its key is `foldIn(key, index)`, so that a resumed run repeats the same numbers. */
  readonly loss: (batch: B, key: Key, meanAsked?: Asked) => LossResult;
  /**
   * How many items the terms of a batch's loss are means over, by name. With `accumulate` the loss is told their mean
   * over the batches of the update, to divide by what was asked in all. Without it batches weigh by the `count` of
   * their loss.
   */
  readonly asked?: ((batch: B) => Asked) | undefined;
  readonly key: Key;
  /** Factor on the learning rates when `step` updates are done, e.g. `(step) => warmupCosine(step, total, warmup)`. */
  readonly schedule?: (step: number) => number;
  /** Largest norm of all gradients together. Default: no limit. */
  readonly clipNorm?: number;
  /**
   * Batches per update; update `step` takes the batches `step * accumulate` and on, and the gradient of all their items
   * as one batch. Default 1.
   */
  readonly accumulate?: number;
  /** Default `valueAndGrad`; see `fgm` and `pgd`. */
  readonly gradients?: GradientFunction;
  /** The ids of a batch's videos, for errors and speed. */
  readonly ids?: (batch: B) => readonly string[];
  readonly checkpoint?: CheckpointHook;
  readonly evaluate?: EvaluationHook;
  readonly sinks?: readonly Sink[];
  /** Aborting ends the loop after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Milliseconds; default `performance.now`. */
  readonly clock?: () => number;
  /**
   * The processes that train together, each on a part of every batch: `batchAt` gives this one's. Every one has the
   * same parameters, makes the same updates, and ends at the same step. A loss says how many items it is a mean over,
   * by `asked` or its `count`. Sinks, evaluations and checkpoints are each process's own. Default: this one alone.
   */
  readonly communicator?: Communicator | undefined;
  /** In what gradients travel between processes. Default `fp32`. */
  readonly gradientDtype?: GradientDtype | undefined;
  /** For an engine that multiplies in float16: its `state` belongs into the checkpoint. Default: the loss as it is. */
  readonly lossScale?: LossScale | undefined;
}

export interface CheckpointHook {
  readonly save: (step: number) => Promise<void>;
  /** Besides the one at the end. */
  readonly everySteps?: number;
  readonly everyMinutes?: number;
}

export interface EvaluationHook {
  readonly run: (step: number) => Promise<Readonly<Record<string, number>>>;
  /** After every so many steps, or after those that the function names. */
  readonly everySteps: number | ((step: number) => boolean);
}

export interface TrainResult {
  /** Updates done. */
  readonly step: number;
  /** True when the signal ended the loop before `totalSteps`. */
  readonly interrupted: boolean;
}

/**
 * Trains from `startStep` to `totalSteps`. Everything a step does is a function of the parameters, the optimizer's
 * state, the key and the step's number: with those restored from a checkpoint, the losses are the same to the last bit.
 */
export async function trainLoop<B>(options: TrainLoopOptions<B>): Promise<TrainResult> {
  const { totalSteps, startStep = 0, accumulate = 1, evaluate, clock = () => performance.now() } = options;
  assertCounts({ totalSteps, startStep }, 0);
  assertCounts({ accumulate }, 1);
  const batches = prefetching(options.batchAt, startStep * accumulate, totalSteps * accumulate);
  const exchange = exchangeFor(options);
  const agreed = (own: boolean): boolean => exchange?.any(own) ?? own;
  const saver = newSaver(options, clock, startStep);
  const emit = (record: TelemetryRecord): Promise<void> => emitTo(options.sinks ?? [], record);
  const stopped = (): boolean => agreed(options.signal?.aborted ?? false);
  let step = startStep;
  let ready = clock();
  while (step < totalSteps && !stopped()) {
    const record = await trainStep({ ...options, exchange }, batches, step, clock, ready);
    step++;
    await emit(record);
    if (evaluate && isDue(evaluate, step)) await emit(await evaluateAt(evaluate, step, clock));
    // After the evaluation: a run resumed from here would not repeat it.
    if (agreed(saver.due(step))) await saver.save(step);
    ready = clock();
    await tf.nextFrame(); // lets signals and reading in
  }
  await saver.save(step);
  return { step, interrupted: step < totalSteps };
}

function assertCounts(counts: Readonly<Record<string, number>>, least: number): void {
  for (const [name, count] of Object.entries(counts)) {
    if (Number.isSafeInteger(count) && count >= least) continue;
    throw new RangeError(`trainLoop: expected ${name} to be a whole number from ${least} up, got ${count}`);
  }
}

/** Nothing where one process trains. */
function exchangeFor<B>({ communicator, gradientDtype: dtype, params, optimizer }: TrainLoopOptions<B>) {
  if (communicator === undefined || communicator.size === 1) return undefined;
  return exchangeOf({ communicator, params, trains: (path) => optimizer.trains(path), dtype });
}

/** Options, and what a step needs besides. */
type Running<B> = TrainLoopOptions<B> & { readonly exchange: Exchange | undefined };

async function trainStep<B>(
  options: Running<B>,
  next: () => Promise<NumberedBatch<B>>,
  step: number,
  clock: () => number,
  start: number,
): Promise<StepRecord> {
  const batches: NumberedBatch<B>[] = [];
  for (let i = 0; i < (options.accumulate ?? 1); i++) batches.push(await next());
  const waited = (clock() - start) / 1000;
  const factor = options.schedule?.(step) ?? 1;
  const result = await namingStep(step + 1, () => updateOnce(stepOptions(options), batches, factor));
  const seconds = (clock() - start) / 1000;
  const videos = options.ids && countVideos(options, batches);
  return {
    type: 'step',
    step: step + 1,
    loss: result.loss,
    learningRate: options.optimizer.learningRate * factor,
    gradNorm: result.gradNorm,
    metrics: result.metrics,
    seconds,
    waited,
    ...(result.skipped && { skipped: true as const }),
    ...(videos === undefined || seconds === 0 ? {} : { videosPerSecond: videos / seconds }),
  };
}

/** Of all processes. */
function countVideos<B>({ ids, exchange }: Running<B>, batches: readonly NumberedBatch<B>[]): number {
  const videos = batches.reduce((sum, { batch }) => sum + ids!(batch).length, 0);
  return exchange?.total({ videos })['videos'] ?? videos;
}

async function namingStep<T>(step: number, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new WbdcError(`step ${step}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

function stepOptions<B>(options: Running<B>): StepOptions<B> {
  const { params, optimizer, loss, asked, key, gradients = valueAndGrad, clipNorm = Infinity, ids } = options;
  const { exchange, lossScale } = options;
  return { params, optimizer, loss, asked, key, gradients, clipNorm, ids, exchange, lossScale };
}

/** Batches in order; while one is used, the next is being read. */
function prefetching<B>(
  batchAt: (index: number) => Promise<B>,
  start: number,
  end: number,
): () => Promise<NumberedBatch<B>> {
  const ask = (index: number): Promise<B> => {
    const promise = batchAt(index);
    promise.catch(() => undefined); // the error is thrown when it is this batch's turn
    return promise;
  };
  let index = start;
  let pending: Promise<B> | undefined;
  return async () => {
    const batch = await (pending ?? ask(index));
    const current = { index, batch };
    index++;
    pending = index < end ? ask(index) : undefined;
    return current;
  };
}

interface Saver {
  due(step: number): boolean;
  /** Does nothing where this step is saved already. */
  save(step: number): Promise<void>;
}

function newSaver<B>({ checkpoint, sinks = [] }: TrainLoopOptions<B>, clock: () => number, startStep: number): Saver {
  let savedStep = startStep > 0 ? startStep : -1;
  let savedAt = clock();
  return {
    due: (step) => {
      const { everySteps = Infinity, everyMinutes = Infinity } = checkpoint ?? {};
      return step % everySteps === 0 || clock() - savedAt >= everyMinutes * 60_000;
    },
    save: async (step) => {
      if (!checkpoint || step === savedStep) return;
      for (const sink of sinks) await sink.flush?.();
      await checkpoint.save(step);
      savedStep = step;
      savedAt = clock();
    },
  };
}

function isDue({ everySteps }: EvaluationHook, step: number): boolean {
  return typeof everySteps === 'number' ? step % everySteps === 0 : everySteps(step);
}

async function evaluateAt(evaluate: EvaluationHook, step: number, clock: () => number): Promise<EvaluationRecord> {
  const start = clock();
  const metrics = await evaluate.run(step);
  return { type: 'evaluation', step, metrics, seconds: (clock() - start) / 1000 };
}

async function emitTo(sinks: readonly Sink[], record: TelemetryRecord): Promise<void> {
  for (const sink of sinks) await sink.write(record);
}
