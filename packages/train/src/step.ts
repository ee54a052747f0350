import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { foldIn, type Key, type LossResult, type ParamTree } from '@wbdc/nn';
import type { Optimizer } from './adamw.js';
import { addMetrics, type Exchange } from './exchange.js';
import type { LossScale } from './loss-scale.js';
import {
  addGrads,
  clipScale,
  disposeGrads,
  globalNorm,
  gradNorms,
  valueAndGrad,
  type GradientFunction,
  type ValueAndGrad,
} from './gradients.js';

/** Numbers of items by term of a loss. */
export type Asked = Readonly<Record<string, number>>;

/** What one update needs. */
export interface StepOptions<B> {
  readonly params: ParamTree;
  readonly optimizer: Optimizer;
  /** The loss of a batch. The key is a pure function of the loop's key and the batch's number. */
  readonly loss: (batch: B, key: Key, meanAsked?: Asked) => LossResult;
  readonly asked: ((batch: B) => Asked) | undefined;
  readonly key: Key;
  readonly gradients: GradientFunction;
  readonly clipNorm: number;
  readonly ids: ((batch: B) => readonly string[]) | undefined;
  /** With other processes, each of which has a part of every batch. */
  readonly exchange?: Exchange | undefined;
  /** For an engine that multiplies in float16. */
  readonly lossScale?: LossScale | undefined;
}

export interface StepResult {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** 0 where the update was left out. */
  readonly gradNorm: number;
  /** The update was left out: a gradient did not fit into float16, and the scale of the loss is smaller now. */
  readonly skipped?: true;
}

/** One batch and its number in the run. */
export interface NumberedBatch<B> {
  readonly index: number;
  readonly batch: B;
}

/**
 * Adds up the gradients of one or more batches and updates the parameters as with all their items in one. A loss or a
 * gradient that is not finite is an error before anything changes; with a scale of the loss a gradient is one only
 * where a smaller scale does not help.
 */
export async function updateOnce<B>(
  options: StepOptions<B>,
  batches: readonly NumberedBatch<B>[],
  factor: number,
): Promise<StepResult> {
  const { optimizer, clipNorm, lossScale, exchange } = options;
  const scale = lossScale?.state.scale ?? 1;
  let grads: ReadonlyMap<string, Tensor> = new Map();
  const results: ValueAndGrad[] = [];
  const meanAsked = meanOverBatches(options, batches);
  // Adversarial ones need those of all processes at each step uphill; else one exchange serves all batches.
  const once = exchange && batches.length > 1 && options.gradients === valueAndGrad ? exchange : undefined;
  let total = 0;
  try {
    for (const numbered of batches) {
      const result = await gradientsOf(options, numbered, meanAsked, { norms: batches.length === 1, alone: !!once });
      // What was told beforehand is in the loss; else a batch weighs by its items, all alike where nothing is known of
      // them.
      const weight = meanAsked === undefined && batches.length > 1 ? weightOf(result) : 1;
      grads = addGrads(grads, scaled(result.grads, weight));
      total += weight;
      results.push(result);
      if (!once) assertFinite(Number.isFinite(result.loss), 'the loss is not finite', result, options, numbered);
    }
    if (once) {
      const whole = exchanged(once, results, grads, meanAsked === undefined ? total : undefined);
      grads = whole.grads;
      results.splice(0, results.length, whole);
      if (meanAsked === undefined) total = 1;
      assertFinite(Number.isFinite(whole.loss), 'the loss is not finite', whole, options, ...batches);
    }
    if (total === 0) total = 1; // nothing was asked anywhere: there is no gradient
    const norms = (batches.length === 1 ? results[0].norms : undefined) ?? (await gradNorms(grads));
    const gradNorm = globalNorm(norms) / total / scale;
    const weights = results.map((result) => (meanAsked === undefined && results.length > 1 ? weightOf(result) : 1));
    const loss = results.reduce((sum, { loss: own }, i) => sum + own * weights[i], 0) / total;
    const done = { loss, metrics: meanMetrics(results) };
    if (!Number.isFinite(gradNorm) && lossScale?.overflowed()) return { ...done, gradNorm: 0, skipped: true };
    const bad = [...norms].filter(([, norm]) => !Number.isFinite(norm)).map(([path]) => path);
    const what = `the gradient of ${bad.slice(0, 3).join(', ')} is not finite`;
    assertFinite(Number.isFinite(gradNorm), what, results.at(-1)!, options, ...batches);
    optimizer.update(grads, { factor, scale: clipScale(gradNorm, clipNorm) / total / scale });
    lossScale?.fitted();
    return { ...done, gradNorm };
  } finally {
    disposeGrads(grads);
    exchange?.release();
  }
}

/**
 * What all processes have computed of several batches, whose gradients were added up.
 *
 * @param weight of this process's batches, by which their gradients were multiplied; none where all count alike
 */
function exchanged(
  exchange: Exchange,
  results: readonly ValueAndGrad[],
  grads: ReadonlyMap<string, Tensor>,
  weight: number | undefined,
): ValueAndGrad {
  const weights = results.map((result) => (weight === undefined ? 1 : weightOf(result)));
  const loss = results.reduce((sum, { loss: own }, i) => sum + own * weights[i], 0) / (weight || 1);
  const metrics = addMetrics(results);
  const unreached = results[0].unreached.filter((path) => results.every((one) => one.unreached.includes(path)));
  const part = { loss, metrics, unreached, grads: scaled(grads, 1 / (weight || 1)) };
  return exchange.begin(weight === undefined).whole({ ...part, ...(weight !== undefined && { count: weight }) });
}

/** What is asked of each term in a batch of the update, on average. */
function meanOverBatches<B>(
  { asked, exchange }: StepOptions<B>,
  batches: readonly NumberedBatch<B>[],
): Asked | undefined {
  if (asked === undefined || (batches.length === 1 && !exchange)) return undefined;
  const totals: Record<string, number> = {};
  for (const { batch } of batches) {
    for (const [name, count] of Object.entries(asked(batch))) totals[name] = (totals[name] ?? 0) + count;
  }
  const parts = batches.length * (exchange?.communicator.size ?? 1);
  const all = Object.entries(exchange?.total(totals) ?? totals);
  return Object.fromEntries(all.map(([name, total]) => [name, total / parts]));
}

/** The items that a batch's loss is a mean over. */
function weightOf({ count, metrics }: ValueAndGrad): number {
  return count ?? metrics['loss']?.count ?? 1;
}

/** Gradients times a weight; those that are replaced are disposed. */
function scaled(grads: ReadonlyMap<string, Tensor>, weight: number): ReadonlyMap<string, Tensor> {
  if (weight === 1) return grads;
  const result = new Map([...grads].map(([path, grad]): [string, Tensor] => [path, tf.mul(grad, weight)]));
  disposeGrads(grads);
  return result;
}

/** The gradients are those of the scaled loss, where there is a scale; the loss is the loss. */
async function gradientsOf<B>(
  options: StepOptions<B>,
  { index, batch }: NumberedBatch<B>,
  meanAsked: Asked | undefined,
  { norms, alone }: { readonly norms: boolean; readonly alone: boolean },
): Promise<ValueAndGrad> {
  const key = foldIn(options.key, index);
  const { exchange, lossScale } = options;
  const even = meanAsked !== undefined;
  const loss = (): LossResult => {
    const result = options.loss(batch, key, meanAsked);
    return exchange && even ? { ...result, loss: tf.mul(result.loss, exchange.share) } : result;
  };
  const f = lossScale ? (): LossResult => lossScale.scaled(loss()) : loss;
  const wanted = { norms, exchange: exchange && !alone ? () => exchange.begin(even) : undefined };
  const result = await options.gradients(options.params, f, (path) => options.optimizer.trains(path), wanted);
  return lossScale ? { ...result, loss: result.loss / lossScale.state.scale } : result;
}

function assertFinite<B>(
  finite: boolean,
  what: string,
  result: ValueAndGrad,
  { ids }: StepOptions<B>,
  ...batches: NumberedBatch<B>[]
): void {
  if (finite) return;
  const all = Object.entries(meanMetrics([result]));
  const losses = all.filter(([name]) => name.endsWith('loss'));
  const terms = (losses.length ? losses : all).map(([name, value]) => `${name} ${value}`);
  const named = ids ? batches.flatMap(({ batch }) => ids(batch)) : [];
  throw new WbdcError(
    `${what}: loss ${result.loss}${terms.length ? ` (${terms.join(', ')})` : ''}, ` +
      `batch ${batches.map(({ index }) => index).join(', ')}${named.length ? ` with ${named.join(', ')}` : ''}. ` +
      'The weights are still those before this step. Look at the features of these videos; ' +
      'else lower the learning rate, lengthen the warm-up or lower clipNorm, and resume from the last checkpoint',
  );
}

/** Means over several batches, exact because sums and counts are added. */
function meanMetrics(results: readonly Pick<ValueAndGrad, 'metrics'>[]): Record<string, number> {
  const counted = Object.entries(addMetrics(results)).filter(([, { count }]) => count > 0);
  return Object.fromEntries(counted.map(([name, { sum, count }]) => [name, sum / count]));
}
