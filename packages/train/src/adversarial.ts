import * as tf from '@tensorflow/tfjs';
import type { Tensor, Variable } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { flatten, type ParamTree } from '@wbdc/nn';
import { addGrads, disposeGrads, valueAndGrad, type GradientFunction, type ValueAndGrad } from './gradients.js';
import { matchPaths } from './patterns.js';

export interface FgmOptions {
  /** The parameters to disturb, usually word embeddings, e.g. `encoder.**.word` (see `compilePattern`). */
  readonly pattern: string;
  /** Length of the disturbance of each parameter, default 1. */
  readonly epsilon?: number;
}

export interface PgdOptions extends FgmOptions {
  /** Steps uphill, default 3. */
  readonly steps?: number;
  /** Length of each, default 0.3; `epsilon` limits their sum. */
  readonly alpha?: number;
}

export interface AwpOptions {
  /** The parameters to disturb, usually all weights, e.g. `encoder.**.weight`. */
  readonly pattern: string;
  /** Largest disturbance of each parameter as a share of its length, default 0.005 as in the paper. */
  readonly epsilon?: number;
  /** Steps uphill, default 1. */
  readonly steps?: number;
  /** Length of each as a share of the parameter's; by default they reach `epsilon` together. */
  readonly alpha?: number;
}

/**
 * Fast gradient method (Miyato et al., arXiv 1605.07725): adds the gradient at parameters moved by
 * `epsilon g / |g|`, uphill, to the clean one. Twice the time of a step. Parameters, loss and metrics come out clean.
 */
export function fgm({ pattern, epsilon = 1 }: FgmOptions): GradientFunction {
  return pgd({ pattern, epsilon, alpha: epsilon, steps: 1 });
}

/**
 * Projected gradient descent (Madry et al., arXiv 1706.06083): several steps uphill within a ball of radius `epsilon`
 * around each parameter; the gradient at the last point is added to the clean one. All passes see the same dropout,
 * because the loss gets the same key. Parameters that the loss does not reach stay; reaching none is an error.
 */
export function pgd({ pattern, epsilon = 1, steps = 3, alpha = 0.3 }: PgdOptions): GradientFunction {
  const join = (clean: ValueAndGrad, last: ValueAndGrad): Grads => addGrads(clean.grads, last.grads);
  return uphill({ name: 'pgd', pattern, steps, ball: () => ({ alpha, epsilon }), join });
}

/**
 * Adversarial weight perturbation (Wu et al., arXiv 2004.05884): each parameter moves uphill by at most `epsilon` of
 * its own length, and the step is taken with the gradient found there, in place of the clean one. Flattens the minimum.
 * Loss and metrics are those of the clean weights.
 */
export function awp({ pattern, epsilon = 0.005, steps = 1, alpha = epsilon / steps }: AwpOptions): GradientFunction {
  const join = (clean: ValueAndGrad, last: ValueAndGrad): Grads => {
    disposeGrads(clean.grads);
    return last.grads;
  };
  const ball = async (origin: Tensor): Promise<Ball> => {
    const length = await norm(origin);
    return { alpha: alpha * length, epsilon: epsilon * length };
  };
  return uphill({ name: 'awp', pattern, steps, ball, join });
}

type Grads = ValueAndGrad['grads'];

/** How far a parameter may move, and in which steps. */
interface Ball {
  readonly alpha: number;
  readonly epsilon: number;
}

interface Ascent {
  readonly name: string;
  readonly pattern: string;
  readonly steps: number;
  readonly ball: (origin: Tensor) => Ball | Promise<Ball>;
  /** The gradients to train with; those it does not hand on it disposes. */
  readonly join: (clean: ValueAndGrad, last: ValueAndGrad) => Grads;
}

/** Moves parameters uphill, takes the gradient there, and moves them back. */
function uphill({ name, pattern, steps, ball, join }: Ascent): GradientFunction {
  if (!(steps >= 1)) throw new RangeError(`${name}: expected at least 1 step, got ${steps}`);
  return async (params, f, trains, options) => {
    const parts = { exchange: options?.exchange };
    const targets = findTargets(params, pattern);
    const clean = await valueAndGrad(params, f, trains, parts);
    const origins = new Map([...targets].map(([path, target]) => [path, tf.clone(target)]));
    let last: ValueAndGrad = clean;
    try {
      assertReached(pattern, targets, clean);
      const balls = new Map<string, Ball>();
      for (const [path, origin] of origins) balls.set(path, await ball(origin));
      for (let i = 0; i < steps; i++) {
        for (const [path, target] of targets) {
          await climb(target, origins.get(path)!, last.grads.get(path), balls.get(path)!);
        }
        const next = await valueAndGrad(params, f, trains, parts);
        if (last !== clean) disposeGrads(last.grads);
        last = next;
      }
      return { ...clean, grads: join(clean, last) };
    } catch (error) {
      for (const { grads } of new Set([clean, last])) disposeGrads(grads);
      throw error;
    } finally {
      for (const [path, target] of targets) target.assign(origins.get(path)!);
      tf.dispose([...origins.values()]);
    }
  };
}

function findTargets(params: ParamTree, pattern: string): Map<string, Variable> {
  const leaves = new Map(flatten(params).map(({ path, leaf }) => [path, leaf as Variable]));
  return new Map(matchPaths(pattern, [...leaves.keys()], 'adversarial').map((path) => [path, leaves.get(path)!]));
}

function assertReached(pattern: string, targets: ReadonlyMap<string, Variable>, { grads }: ValueAndGrad): void {
  if ([...targets.keys()].some((path) => grads.has(path))) return;
  throw new WbdcError(
    `adversarial: expected a gradient for a parameter of '${pattern}', got none: ` +
      `${[...targets.keys()].slice(0, 3).join(', ')} are frozen or not used by the loss`,
  );
}

/** One step of length alpha along the gradient, then back into the ball of radius epsilon around the origin. */
async function climb(
  target: Variable,
  origin: Tensor,
  grad: Tensor | undefined,
  { alpha, epsilon }: Ball,
): Promise<void> {
  if (!grad) return;
  const length = await norm(grad);
  if (length === 0 || !Number.isFinite(length)) return; // a gradient that is not finite is for the loop to report
  const offset = tf.tidy(() => tf.add(tf.sub(target, origin), tf.mul(grad, alpha / length)));
  try {
    const distance = await norm(offset);
    tf.tidy(() => {
      target.assign(tf.add(origin, distance > epsilon ? tf.mul(offset, epsilon / distance) : offset));
    });
  } finally {
    offset.dispose();
  }
}

async function norm(tensor: Tensor): Promise<number> {
  const square = tf.tidy(() => tf.sum(tf.square(tensor)));
  try {
    return Math.sqrt((await square.data())[0]);
  } finally {
    square.dispose();
  }
}
