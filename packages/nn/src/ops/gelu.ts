import * as tf from '@tensorflow/tfjs';
import type { Tensor } from '@tensorflow/tfjs';
import type { GeluForm } from '../kernels.js';
import { differentiable, fusedKernel } from './kernel.js';

const QUICK = 1.702;

/** Gaussian error linear unit (Hendrycks and Gimpel, arXiv 1606.08415). */
export function gelu<T extends Tensor>(x: T, form: GeluForm = 'erf'): T {
  return differentiable<Tensor>(
    [x],
    () => {
      // An engine may have something better than x to keep for its own gradient.
      const [value, kept = x] = fusedKernel('WbdcGelu', { x }, { form }) ?? [tf.mul(x, gate(x, form))];
      return { value, saved: [kept] };
    },
    (dy, [x]) => [fusedKernel('WbdcGeluGrad', { dy, x }, { form })?.[0] ?? tf.mul(dy, slope(x, form))],
  ) as T;
}

/** What x is multiplied with: the normal distribution function, or its logistic approximation. */
function gate(x: Tensor, form: GeluForm): Tensor {
  if (form === 'quick') return tf.sigmoid(tf.mul(x, QUICK));
  return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
}

function slope(x: Tensor, form: GeluForm): Tensor {
  const g = gate(x, form);
  const density =
    form === 'quick'
      ? tf.mul(tf.mul(g, tf.sub(1, g)), QUICK)
      : tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return tf.add(g, tf.mul(x, density));
}
