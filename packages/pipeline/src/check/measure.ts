import * as tf from '@tensorflow/tfjs';
import { flatten, foldIn, randomKey, readMetrics } from '@wbdc/nn';
import { disposeGrads, type Optimizer } from '@wbdc/train';
import type { Expectation } from './expected.js';
import type { Subject } from './subject.js';

/** One step on so many examples. */
interface Step {
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
  /** Examples of the batches that were timed. */
  readonly timed: readonly number[];
}

/** Bytes during a step of the whole batch. */
interface Memory {
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
/** Examples of the steps that are measured. */
const [FEW, MORE] = [2, 8];

/**
 * Times steps on a few examples and reckons from them what a whole batch takes: a part that does not depend on the
 * batch (the optimizer) and one that grows with it.
 */
export async function measure(subject: Subject, optimizer: Optimizer): Promise<Measured> {
  const { batchSize } = subject.settings;
  const [few, more] = [Math.min(FEW, batchSize), Math.min(MORE, batchSize)];
  const step = (examples: number) => timedStep(subject, optimizer, subject.batchOf(examples));
  await step(few); // engines prepare their kernels at the first
  const small = await step(few);
  const large = await fasterOf(await step(more), () => step(more));
  const atBatch = (of: (step: Step) => number): number => {
    if (more === few) return of(large);
    const slope = Math.max(0, (of(large) - of(small)) / (more - few));
    return of(large) + slope * (batchSize - more);
  };
  const activations = Math.round(atBatch(({ activationBytes }) => activationBytes));
  const leaves = flatten(subject.params);
  const bytes = (trainedOnly: boolean): number =>
    4 *
    leaves.filter(({ path }) => !trainedOnly || optimizer.trains(path)).reduce((sum, { leaf }) => sum + leaf.size, 0);
  const [weights, gradients] = [bytes(false), bytes(true)];
  const kept = (subject.averages ? 3 : 2) * gradients;
  return {
    gradients: large.gradients,
    secondsPerStep: atBatch(({ seconds }) => seconds),
    memory: {
      ...{ weights, gradients, optimizer: kept, activations },
      total: weights + gradients + kept + activations,
    },
    timed: [few, more],
  };
}

/** The first of a shape also prepares kernels for it; where it is quick, a second one tells more. */
async function fasterOf<T extends Step>(first: T, again: () => Promise<T>): Promise<T> {
  if (first.seconds > QUICK_SECONDS) return first;
  const second = await again();
  return second.seconds < first.seconds ? second : first;
}

/** What trained parameters a step of a few examples reaches: all that is asked where neither time nor memory is. */
export async function measureGradients(subject: Subject, optimizer: Optimizer): Promise<Gradients> {
  const examples = Math.min(MORE, subject.settings.batchSize);
  return (await timedStep(subject, optimizer, subject.batchOf(examples))).gradients;
}

async function timedStep(
  { params, loss, gradients: gradientsAt }: Subject,
  optimizer: Optimizer,
  batch: unknown,
): Promise<Step & { readonly gradients: Gradients }> {
  const start = performance.now();
  const before = tf.memory().numBytes;
  let activationBytes = 0;
  const measured = () => {
    const result = loss(batch, foldIn(KEY, 'dropout'));
    activationBytes = Math.max(activationBytes, tf.memory().numBytes - before);
    return result;
  };
  const { grads, unreached } = await gradientsAt(params, measured, (path) => optimizer.trains(path));
  optimizer.update(grads, { factor: 0 });
  const seconds = (performance.now() - start) / 1000;
  const gradients = { trained: grads.size + unreached.length, unreached: [...unreached, ...(await zeros(grads))] };
  disposeGrads(grads);
  return { seconds, activationBytes, gradients };
}

/** In one read. */
async function zeros(grads: ReadonlyMap<string, tf.Tensor>): Promise<string[]> {
  const named = [...grads].filter(([path]) => !NO_GRADIENT.test(path));
  if (named.length === 0) return [];
  const largest = tf.tidy(() => tf.stack(named.map(([, grad]) => tf.max(tf.abs(grad)))));
  const values = await largest.data();
  largest.dispose();
  return named.flatMap(([path], i) => (values[i] === 0 ? [path] : []));
}

/** The losses before any step, without dropout, by metric; and what they should be. */
export async function startLosses({ batchOf, loss, expected }: Subject, examples: number) {
  const batch = batchOf(examples);
  const metrics = await readMetrics(() => loss(batch));
  const losses = new Map(Object.entries(metrics).map(([name, { sum, count }]) => [name, sum / count]));
  return { expected: expected(batch) as Expectation[], losses };
}
