import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import {
  flatten,
  fusedKernel,
  gradientsOf,
  hasKernel,
  metricSums,
  metricValues,
  scalars,
  type LossResult,
  type MetricSum,
  type Param,
  type ParamTree,
} from '@wbdc/nn';
import { handEarly, readsAtOnce } from './tape.js';

export interface ValueAndGrad {
  readonly loss: number;
  /** Over how many items the loss is a mean, where that is known. */
  readonly count?: number;
  readonly metrics: Readonly<Record<string, MetricSum>>;
  /** By parameter path; whoever reads them disposes them. */
  readonly grads: ReadonlyMap<string, Tensor>;
  /** Paths of parameters that the loss does not depend on: they have no gradient. */
  readonly unreached: readonly string[];
  /** The Euclidean norm of each gradient, where they were asked for and the engine reads them with the loss. */
  readonly norms?: ReadonlyMap<string, number>;
}

export interface GradientOptions {
  /** The norms of the gradients are wanted too: an engine that can reads them with the loss. Default false. */
  readonly norms?: boolean;
  /** Of several processes: begins to turn what is computed of this one's part into what all have computed. */
  readonly exchange?: (() => PartExchange) | undefined;
}

/** The way of one process's part of a batch to all. */
export interface PartExchange {
  /**
   * Takes a gradient before the others are known; undefined of a parameter that has none. The tensor is read at once.
   * Not called where gradients cannot be read while others are computed.
   */
  readonly hand?: ((path: string, grad: Tensor | undefined) => void) | undefined;
  /** What all have computed, with gradients of its own; the part's are disposed of by it. */
  whole(part: ValueAndGrad): ValueAndGrad;
}

/** Computes a loss and its gradients; adversarial training wraps one in another. */
export type GradientFunction = (
  params: ParamTree,
  f: () => LossResult,
  trains?: (path: string) => boolean,
  options?: GradientOptions,
) => Promise<ValueAndGrad>;

/**
 * The loss, its metrics, and its gradient for every parameter that `trains` (default: all) and that the loss depends
 * on. Frees everything else that the forward and backward passes made. It reads the engine once and asynchronously, as
 * a GPU in a browser wants it; all that was computed before the read is there when the promise is fulfilled.
 */
export const valueAndGrad: GradientFunction = async (
  params,
  f,
  trains = () => true,
  { norms = false, exchange } = {},
) => {
  const leaves = flatten(params).filter(({ path }) => trains(path));
  if (leaves.length === 0) throw new WbdcError('valueAndGrad: expected parameters to train, got none: see the rules');
  const parts = exchange?.();
  const hand = readsAtOnce() ? parts?.hand : undefined;
  const { numbers, grads, unreached, metrics, count } = passes(leaves, f, norms && !parts, hand);
  try {
    const [loss, ...values] = await numbers.data();
    const squares = values.splice(Object.keys(metrics).length);
    const part = {
      loss,
      ...(count !== undefined && { count }),
      metrics: metricSums(metrics, values),
      grads,
      unreached,
      ...(squares.length > 0 && { norms: new Map([...grads.keys()].map((path, i) => [path, Math.sqrt(squares[i])])) }),
    };
    return parts ? parts.whole(part) : part;
  } catch (error) {
    disposeGrads(grads);
    throw error;
  } finally {
    numbers.dispose();
  }
};

/** What the forward and backward passes leave on the engine. */
interface Passes extends Pick<ValueAndGrad, 'grads' | 'unreached'>, Pick<LossResult, 'metrics' | 'count'> {
  /** The loss, the sums of the metrics and, where the engine has a kernel for them, the squared norms: one vector. */
  readonly numbers: Tensor;
}

function passes(leaves: readonly Param[], f: () => LossResult, norms: boolean, hand: PartExchange['hand']): Passes {
  let left: Passes | undefined;
  tf.tidy(() => {
    let result: LossResult | undefined;
    let handed: (() => void) | undefined;
    const forward = (): Scalar => {
      result = f();
      // The engine frees what a forward pass made, but for its value.
      for (const value of metricValues(result.metrics)) if (typeof value !== 'number') tf.keep(value);
      if (hand) handed = handEarly(leaves, result.loss, hand);
      return result.loss;
    };
    const tensors = leaves.map(({ leaf }) => leaf);
    const { value, grads } = gradientsOf(forward, tensors);
    handed?.();
    const { metrics, count } = result!;
    const gradients = byPath(leaves, grads);
    const squares = norms
      ? fusedKernel('WbdcSumsOfSquares', Object.fromEntries([...gradients.grads.values()].entries()), {})
      : undefined;
    const sums = scalars([value, ...metricValues(metrics)]);
    const numbers = tf.keep(squares ? tf.concat([sums, squares[0]]) : sums);
    for (const one of metricValues(metrics)) if (typeof one !== 'number') one.dispose();
    left = { numbers, metrics, ...(count !== undefined && { count }), ...gradients };
  });
  return left!;
}

function byPath(
  leaves: readonly Param[],
  grads: readonly (Tensor | undefined)[],
): Pick<ValueAndGrad, 'grads' | 'unreached'> {
  const gradients = new Map<string, Tensor>();
  const known = new Set<Tensor>();
  leaves.forEach(({ path }, i) => {
    const grad = grads[i];
    if (!grad) return;
    // Two gradients may be one tensor; each entry of the map is to be disposed on its own.
    gradients.set(path, tf.keep(known.has(grad) ? tf.clone(grad) : grad));
    known.add(grad);
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
export async function gradNorms(grads: ReadonlyMap<string, Tensor>): Promise<Map<string, number>> {
  const tensors = [...grads.values()];
  const norms = hasKernel('WbdcSumOfSquares') ? tensors.map(fusedNorm) : await composedNorms(tensors);
  return new Map([...grads.keys()].map((path, i) => [path, norms[i]]));
}

/** Where the engine can sum without making a tensor. */
function fusedNorm(x: Tensor): number {
  let norm = 0;
  fusedKernel('WbdcSumOfSquares', { x }, { receive: (sum: number) => (norm = Math.sqrt(sum)) });
  return norm;
}

/** In one read. */
async function composedNorms(tensors: readonly Tensor[]): Promise<Float32Array> {
  const norms = tf.tidy(() => {
    const squares = fusedKernel('WbdcSumsOfSquares', Object.fromEntries(tensors.entries()), {});
    return tf.sqrt(squares?.[0] ?? tf.stack(tensors.map((tensor) => tf.sum(tf.square(tensor)))));
  });
  try {
    return await norms.data<'float32'>();
  } finally {
    norms.dispose();
  }
}

/** The norm of all gradients together. */
export function globalNorm(norms: ReadonlyMap<string, number>): number {
  return Math.hypot(...norms.values());
}

/** The factor on all gradients that keeps their global norm under a limit; as `torch.nn.utils.clip_grad_norm_`. */
export function clipScale(norm: number, limit: number): number {
  return Math.min(1, limit / (norm + 1e-6));
}
