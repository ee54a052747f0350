import * as tf from '@tensorflow/tfjs';
import type { NamedAttrMap, NamedTensorMap, Tensor, TensorInfo } from '@tensorflow/tfjs';
import type { KernelAttributes, KernelInputs, KernelName, KernelOutputs } from '../kernels.js';

/** Whether the current engine registered a fused kernel, in tfjs's own kernel registry. */
export function hasKernel(name: KernelName): boolean {
  return tf.getKernel(name, tf.getBackend()) !== undefined;
}

/**
 * Runs a fused kernel, see `@wbdc/nn/kernels`, where the current engine has it. Elsewhere gives undefined, and the
 * caller composes plain tfjs operations instead.
 */
export function fusedKernel<Name extends KernelName>(
  name: Name,
  inputs: KernelInputs<Name, Tensor>,
  attributes: KernelAttributes<Name>,
): KernelOutputs<Name, Tensor> | undefined {
  const kernel = tf.getKernel(name, tf.getBackend());
  if (!kernel) return undefined;
  const engine = tf.engine();
  // tfjs's registry has no types: engines are held to the contract where they state their kernels.
  const call = { inputs: inputs as NamedTensorMap, attrs: attributes as unknown as NamedAttrMap };
  if (engine.isTapeOn() || engine.state.profiling)
    return engine.runKernel(name, call.inputs, call.attrs) as Tensor[] as KernelOutputs<Name, Tensor>;
  // Nobody looks on: without the engine's books of a kernel, which cost the host as much as a small one.
  const outputs = kernel.kernelFunc({ ...call, backend: engine.backend }) as TensorInfo[];
  const tensors = outputs.map((info) => (info instanceof tf.Tensor ? info : engine.makeTensorFromTensorInfo(info)));
  return tensors as KernelOutputs<Name, Tensor>;
}

/** Lives on by itself: the tape holds no copy of it. */
const isVariable = (tensor: Tensor): boolean => tensor instanceof tf.Variable;

/**
 * An operation with its own gradient. What `forward` makes beside its value and what it saves is freed at once, so
 * the tape holds only what `backward` reads; `backward` gives one gradient per input.
 *
 * The tape asks for a gradient once. tfjs would keep what led to it until the whole backward pass is over, twice the
 * memory of the forward pass; here it is freed as soon as it is used. So there are no gradients of gradients.
 *
 * It writes its node on tfjs's tape by itself: `tf.customGrad` does so with a kernel and a node more for each tensor
 * that is saved, which on a GPU cost the host as much as the commands.
 */
export function differentiable<T extends Tensor>(
  inputs: readonly Tensor[],
  forward: () => { value: T; saved: Tensor[] },
  backward: (dy: T, saved: Tensor[]) => Tensor[],
): T {
  const engine = tf.engine();
  const { state } = engine;
  const recorded = engine.isTapeOn();
  let read: Tensor[] = [];
  const run = (): T => {
    const { value, saved } = forward();
    if (recorded) read = saved.map((tensor) => (isVariable(tensor) ? tensor : savedFrom(tensor, value)));
    return value;
  };
  state.kernelDepth++; // what is in it is not recorded by itself
  let value: T;
  try {
    value = tf.tidy(run);
  } finally {
    state.kernelDepth--;
  }
  if (!recorded) return value;
  const kept = read.filter((tensor) => !isVariable(tensor));
  state.activeTape.push({
    id: state.nextTapeNodeId++,
    kernelName: 'differentiable',
    inputs: inputs.slice() as unknown as NamedTensorMap, // by numbers: what is named costs the host more
    outputs: [value],
    saved: kept,
    gradient: ([dy]) => {
      const gradients = tf.tidy(() => backward(dy as T, read));
      // A scalar may be the caller's own.
      const used = dy.size > 1 ? [dy, ...kept] : kept;
      for (const tensor of used) if (!gradients.includes(tensor)) tensor.dispose();
      return gradients.map((gradient) => () => gradient) as unknown as Record<string, () => Tensor>;
    },
  });
  return value;
}

/** A tensor for the backward pass, whoever else frees it: itself where only this operation has it, or its alias. */
function savedFrom(tensor: Tensor, value: Tensor): Tensor {
  const engine = tf.engine();
  if (!tensor.kept && tensor !== value && tensor.scopeId === engine.state.activeScope.id) return tf.keep(tensor);
  const { dataId, shape, dtype } = tensor;
  engine.backend.incRef(dataId);
  return tf.keep(engine.makeTensorFromTensorInfo({ dataId, shape, dtype }, engine.backend));
}
