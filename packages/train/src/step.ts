import type { Tensor } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { foldIn, type Key, type LossResult, type ParamTree } from '@wbdc/nn';
import type { Optimizer } from './adamw.js';
import {
  addGrads,
  clipScale,
  disposeGrads,
  globalNorm,
  gradNorms,
  type GradientFunction,
  type MetricSum,
  type ValueAndGrad,
} from './gradients.js';

/** What one update needs. */
export interface StepOptions<B> {
  readonly params: ParamTree;
  readonly optimizer: Optimizer;
  /** The loss of a batch. The key is a pure function of the loop's key and the batch's number. */
  readonly loss: (batch: B, key: Key) => LossResult;
  readonly key: Key;
  readonly gradients: GradientFunction;
  readonly clipNorm: number;
  readonly ids: ((batch: B) => readonly string[]) | undefined;
}

export interface StepResult {
  readonly loss: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly gradNorm: number;
}

/** One batch and its number in the run. */
export interface NumberedBatch<B> {
  readonly index: number;
  readonly batch: B;
}

/**
 * Adds up the gradients of one or more batches and updates the parameters with their mean. A loss or a gradient that is
 * not finite is an error before anything changes.
 */
export function updateOnce<B>(
  options: StepOptions<B>,
  batches: readonly NumberedBatch<B>[],
  factor: number,
): StepResult {
  const { optimizer, clipNorm } = options;
  let grads: ReadonlyMap<string, Tensor> = new Map();
  const results: ValueAndGrad[] = [];
  try {
    for (const numbered of batches) {
      const result = gradientsOf(options, numbered);
      grads = addGrads(grads, result.grads);
      results.push(result);
      assertFinite(Number.isFinite(result.loss), 'the loss is not finite', result, options, numbered);
    }
    const norms = gradNorms(grads);
    const gradNorm = globalNorm(norms) / batches.length;
    const bad = [...norms].filter(([, norm]) => !Number.isFinite(norm)).map(([path]) => path);
    const what = `the gradient of ${bad.slice(0, 3).join(', ')} is not finite`;
    assertFinite(Number.isFinite(gradNorm), what, results.at(-1)!, options, ...batches);
    optimizer.update(grads, { factor, scale: clipScale(gradNorm, clipNorm) / batches.length });
    return { loss: mean(results.map(({ loss }) => loss)), metrics: meanMetrics(results), gradNorm };
  } finally {
    disposeGrads(grads);
  }
}

function gradientsOf<B>(options: StepOptions<B>, { index, batch }: NumberedBatch<B>): ValueAndGrad {
  const key = foldIn(options.key, index);
  const f = (): LossResult => options.loss(batch, key);
  return options.gradients(options.params, f, (path) => options.optimizer.trains(path));
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

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Means over several batches, exact because sums and counts are added. */
function meanMetrics(results: readonly Pick<ValueAndGrad, 'metrics'>[]): Record<string, number> {
  const totals = new Map<string, MetricSum>();
  for (const [name, { sum, count }] of results.flatMap(({ metrics }) => Object.entries(metrics))) {
    const total = totals.get(name) ?? { sum: 0, count: 0 };
    totals.set(name, { sum: total.sum + sum, count: total.count + count });
  }
  const counted = [...totals].filter(([, { count }]) => count > 0);
  return Object.fromEntries(counted.map(([name, { sum, count }]) => [name, sum / count]));
}
