import { NotHere } from './peer.js';

/** Dawn's device that computes nothing: what a step costs the host. */
export const NULL_DEVICE = ['backend=null'];

let counted = 0;

/** Dispatches since {@link loadDawn}, whoever asked for them. */
export function dispatchesSoFar(): number {
  return counted;
}

/** Npm's `webgpu` as `navigator.gpu`, where tfjs looks for it, with nothing of ours. */
export async function loadDawn(flags: readonly string[]): Promise<GPU> {
  const { create, globals } = await import('webgpu').catch((error: unknown) => {
    throw new NotHere(`webgpu: ${String(error).split('\n')[0]}`);
  });
  Object.assign(globalThis, globals);
  const gpu = create([...flags]);
  if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {} });
  Object.defineProperty(Reflect.get(globalThis, 'navigator'), 'gpu', { value: gpu });
  const { prototype } = GPUComputePassEncoder;
  const { dispatchWorkgroups } = prototype;
  prototype.dispatchWorkgroups = function (...groups) {
    counted++;
    return dispatchWorkgroups.apply(this, groups);
  };
  return gpu;
}
