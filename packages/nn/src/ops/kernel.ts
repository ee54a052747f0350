import * as tf from '@tensorflow/tfjs';
import type { NamedAttrMap, NamedTensorMap, Tensor } from '@tensorflow/tfjs';

/**
 * Runs a fused kernel where the current engine registered it under this name, in tfjs's own kernel registry.
 * Elsewhere gives undefined, and the caller composes plain tfjs operations instead.
 */
export function fusedKernel(name: string, inputs: NamedTensorMap, attributes: object = {}): Tensor[] | undefined {
  if (!tf.getKernel(name, tf.getBackend())) return undefined;
  const outputs = tf.engine().runKernel(name, inputs, attributes as NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs as Tensor];
}

/**
 * An operation with its own gradient. What `forward` makes beside its value and what it saves is freed at once, so
 * the tape holds only what `backward` reads; `backward` gives one gradient per input.
 *
 * The tape asks for a gradient once. tfjs would keep what led to it until the whole backward pass is over, twice the
 * memory of the forward pass; here it is freed as soon as it is used. So there are no gradients of gradients.
 */
export function differentiable<T extends Tensor>(
  inputs: readonly Tensor[],
  forward: () => { value: T; saved: Tensor[] },
  backward: (dy: T, saved: Tensor[]) => Tensor[],
): T {
  return tf.customGrad<T>((...args) => {
    const save = args[inputs.length] as tf.GradSaveFunc;
    const { value, saved } = forward();
    save(saved);
    const gradFunc = (dy: T, kept: Tensor[]): Tensor[] => {
      const gradients = tf.tidy(() => backward(dy, kept));
      // A scalar may be the caller's own.
      const used = dy.size > 1 ? [dy, ...kept] : kept;
      for (const tensor of used) if (!gradients.includes(tensor)) tensor.dispose();
      return gradients;
    };
    return { value, gradFunc };
  })(...inputs);
}
