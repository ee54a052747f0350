import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, fusedKernel, hasKernel, type LossResult, type Param, type ParamTree } from '@wbdc/nn';

/** A metric in host memory: its mean is `sum / count`. */
export interface MetricSum {
  readonly sum: number;
  readonly count: number;
}

export interface ValueAndGrad {
  readonly loss: number;
  /** Over how many items the loss is a mean, where that is known. */
  readonly count?: number;
  readonly metrics: Readonly<Record<string, MetricSum>>;
  /** By parameter path; whoever reads them disposes them. */
  readonly grads: ReadonlyMap<string, Tensor>;
  /** Paths of parameters that the loss does not depend on: they have no gradient. */
  readonly unreached: readonly string[];
}

/** Computes a loss and its gradients; adversarial training wraps one in another. */
export type GradientFunction = (
  params: ParamTree,
  f: () => LossResult,
  trains?: (path: string) => boolean,
) => ValueAndGrad;

/**
 * The loss, its metrics, and its gradient for every parameter that `trains` (default: all) and that the loss depends
 * on. Frees everything else that the forward and backward passes made, and waits for the engine once.
 */
export const valueAndGrad: GradientFunction = (params, f, trains = () => true) => {
  const leaves = flatten(params).filter(({ path }) => trains(path));
  if (leaves.length === 0) throw new WbdcError('valueAndGrad: expected parameters to train, got none: see the rules');
  let result: ValueAndGrad | undefined;
  tf.tidy(() => {
    let metrics: LossResult['metrics'] = {};
    let count: number | undefined;
    const forward = (): Scalar => {
      const value = f();
      ({ metrics, count } = value);
      // The engine frees what a forward pass made, but for its value.
      for (const { sum } of Object.values(metrics)) if (typeof sum !== 'number') tf.keep(sum);
      return value.loss;
    };
    const tensors = leaves.map(({ leaf }) => leaf);
    const { value, grads } = tf.engine().gradients(forward, tensors, undefined, true);
    const numbers = readScalars(value, metrics);
    for (const { sum } of Object.values(metrics)) if (typeof sum !== 'number') sum.dispose();
    result = { ...numbers, ...(count !== undefined && { count }), ...byPath(leaves, grads) };
  });
  return result!;
};

/** All numbers of a step in one transfer. */
function readScalars(loss: Tensor, metrics: LossResult['metrics']): Pick<ValueAndGrad, 'loss' | 'metrics'> {
  const entries = Object.entries(metrics);
  const tensors = [loss, ...entries.map(([, { sum }]) => (typeof sum === 'number' ? tf.scalar(sum) : sum))];
  const values = tf.stack(tensors.map((tensor) => tf.reshape(tf.cast(tensor, 'float32'), []))).dataSync();
  const sums = entries.map(([name, { count }], i): [string, MetricSum] => [name, { sum: values[i + 1], count }]);
  return { loss: values[0], metrics: Object.fromEntries(sums) };
}

function byPath(
  leaves: readonly Param[],
  grads: readonly (Tensor | undefined)[],
): Pick<ValueAndGrad, 'grads' | 'unreached'> {
  const gradients = new Map<string, Tensor>();
  leaves.forEach(({ path }, i) => {
    const grad = grads[i];
    // Two gradients may be one tensor; each entry of the map is to be disposed on its own.
    if (grad) gradients.set(path, tf.keep(tf.clone(grad)));
  });
  if (gradients.size === 0)
    throw new WbdcError('valueAndGrad: expected the loss to depend on a parameter, got none of them');
  return { grads: gradients, unreached: leaves.filter(({ path }) => !gradients.has(path)).map(({ path }) => path) };
}

export function disposeGrads(grads: ReadonlyMap<string, Tensor>): void {
  for (const grad of grads.values()) grad.dispose();
}

/** The sum of two sets of gradients, which it disposes; a path may be missing in either. */
export function addGrads(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const sums = new Map(a);
  for (const [path, grad] of b) {
    const other = a.get(path);
    sums.set(path, other ? tf.add(other, grad) : grad);
    if (other) tf.dispose([other, grad]);
  }
  return sums;
}

/** The Euclidean norm of each gradient. */
export function gradNorms(grads: ReadonlyMap<string, Tensor>): Map<string, number> {
  const tensors = [...grads.values()];
  const norms = hasKernel('WbdcSumOfSquares') ? tensors.map(fusedNorm) : composedNorms(tensors);
  return new Map([...grads.keys()].map((path, i) => [path, norms[i]]));
}

/** Where the engine can sum without making a tensor. */
function fusedNorm(x: Tensor): number {
  let norm = 0;
  fusedKernel('WbdcSumOfSquares', { x }, { receive: (sum: number) => (norm = Math.sqrt(sum)) });
  return norm;
}

function composedNorms(tensors: readonly Tensor[]): Float32Array {
  return tf.tidy(() => tf.sqrt(tf.stack(tensors.map((tensor) => tf.sum(tf.square(tensor))))).dataSync<'float32'>());
}

/** The norm of all gradients together. */
export function globalNorm(norms: ReadonlyMap<string, number>): number {
  return Math.hypot(...norms.values());
}

/** The factor on all gradients that keeps their global norm under a limit; as `torch.nn.utils.clip_grad_norm_`. */
export function clipScale(norm: number, limit: number): number {
  return Math.min(1, limit / (norm + 1e-6));
}
