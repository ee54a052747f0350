import * as tf from '@tensorflow/tfjs';
import { flatten, foldIn, randomKey, type Batch, type Key } from '@wbdc/nn';
import type { PretrainParams, Pretraining } from '@wbdc/pretrain-tasks';
import { disposeGrads, valueAndGrad, type Optimizer } from '@wbdc/train';
import type { VideoTextParams } from '../stages/model.js';

type Params = PretrainParams<VideoTextParams>;
type Model = Pretraining<VideoTextParams>;

/** One step on so many videos. */
interface Step {
  readonly videos: number;
  readonly seconds: number;
  /** What the forward pass leaves for the backward pass. */
  readonly activationBytes: number;
}

export interface Gradients {
  readonly trained: number;
  /** Paths of trained parameters without a gradient, or with one of zeros. */
  readonly unreached: readonly string[];
}

export interface Measured {
  readonly gradients: Gradients;
  /** Of a step of the whole batch. */
  readonly secondsPerStep: number;
  readonly memory: Memory;
  /** The batches that were timed. */
  readonly timedVideos: readonly number[];
}

/** Bytes during a step of the whole batch. */
export interface Memory {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
  readonly activations: number;
  readonly total: number;
}

/** A key's bias shifts all scores of a query alike, which softmax does not see: its gradient is 0. */
const NO_GRADIENT = /(^|\.)(attention|cross)\.key\.bias$/;

const KEY = randomKey(0);
const QUICK_SECONDS = 5;

/**
 * Times steps on a few videos and reckons from them what a whole batch takes: a part that does not depend on the batch
 * (the optimizer) and one that grows with it.
 */
export function measure(
  model: Model,
  params: Params,
  optimizer: Optimizer,
  batchOf: (videos: number) => Batch,
  batchSize: number,
): Measured {
  const [few, more] = [Math.min(2, batchSize), Math.min(8, batchSize)];
  timedStep(model, params, optimizer, batchOf(few)); // engines prepare their kernels at the first
  const small = timedStep(model, params, optimizer, batchOf(few));
  const large = fasterOf(timedStep(model, params, optimizer, batchOf(more)), () =>
    timedStep(model, params, optimizer, batchOf(more)),
  );
  const atBatch = (of: (step: Step) => number): number => {
    if (more === few) return of(large);
    const slope = Math.max(0, (of(large) - of(small)) / (more - few));
    return of(large) + slope * (batchSize - more);
  };
  const activations = Math.round(atBatch(({ activationBytes }) => activationBytes));
  const leaves = flatten(params);
  const bytes = (trainedOnly: boolean): number =>
    4 *
    leaves.filter(({ path }) => !trainedOnly || optimizer.trains(path)).reduce((sum, { leaf }) => sum + leaf.size, 0);
  const parts = { weights: bytes(false), gradients: bytes(true), optimizer: 2 * bytes(true), activations };
  return {
    gradients: large.gradients,
    secondsPerStep: atBatch(({ seconds }) => seconds),
    memory: { ...parts, total: parts.weights + parts.gradients + parts.optimizer + parts.activations },
    timedVideos: [few, more],
  };
}

/** The first of a shape also prepares kernels for it; where it is quick, a second one tells more. */
function fasterOf<T extends Step>(first: T, again: () => T): T {
  if (first.seconds > QUICK_SECONDS) return first;
  const second = again();
  return second.seconds < first.seconds ? second : first;
}

function timedStep(
  model: Model,
  params: Params,
  optimizer: Optimizer,
  batch: Batch,
): Step & { readonly gradients: Gradients } {
  const start = performance.now();
  const views = model.prepare(batch, foldIn(KEY, 'masks'));
  const before = tf.memory().numBytes;
  let activationBytes = 0;
  const loss = () => {
    const result = model.loss(params, views, foldIn(KEY, 'dropout'));
    activationBytes = tf.memory().numBytes - before;
    return result;
  };
  const { grads, unreached } = valueAndGrad(params, loss, (path) => optimizer.trains(path));
  optimizer.update(grads, { factor: 0 });
  const seconds = (performance.now() - start) / 1000;
  const gradients = { trained: grads.size + unreached.length, unreached: [...unreached, ...zeros(grads)] };
  disposeGrads(grads);
  return { videos: batch.ids.length, seconds, activationBytes, gradients };
}

function zeros(grads: ReadonlyMap<string, tf.Tensor>): string[] {
  const isZero = (grad: tf.Tensor): boolean => tf.tidy(() => tf.max(tf.abs(grad)).dataSync()[0]) === 0;
  return [...grads].filter(([path, grad]) => !NO_GRADIENT.test(path) && isZero(grad)).map(([path]) => path);
}

/** The losses before any step, without dropout, by metric. */
export function startLosses(model: Model, params: Params, batch: Batch, key: Key) {
  const views = model.prepare(batch, key);
  const losses = tf.tidy(() =>
    Object.entries(model.loss(params, views).metrics).map(([name, { sum, count }]): [string, number] => [
      name,
      (typeof sum === 'number' ? sum : sum.dataSync()[0]) / count,
    ]),
  );
  return { views, losses: new Map(losses) };
}
