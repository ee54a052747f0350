import type { DropMask } from '@wbdc/nn/kernels';
import { sizeOf } from '@wbdc/nn/plain';
import { DTYPE, type Handle, type NodeBackend } from './binding.js';

/**
 * Calls a function with what a dropout multiplies a tensor of that shape with: a handle for the call alone. Its values
 * lie in one memory used over and over, aligned so that TensorFlow reads it where it is.
 */
export function withFactors<T>(
  { binding }: NodeBackend,
  { scale, apply }: DropMask,
  shape: readonly number[],
  use: (factors: Handle) => T,
): T {
  const values = scratch(sizeOf(shape)).fill(scale);
  apply(values, 0, shape[0] ?? 1, 0);
  const id = binding.createTensor([...shape], DTYPE.float32, values);
  try {
    return use({ id, shape: [...shape], dtype: DTYPE.float32 });
  } finally {
    binding.deleteTensor(id);
  }
}

/** Node has it; the typings that name it are those of browsers. */
declare const WebAssembly: { readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } };

const PAGE = 65_536;
let memory = new WebAssembly.Memory({ initial: 0 });

/** WebAssembly's memory begins at a page; that of an ArrayBuffer does not, and TensorFlow would copy it. */
function scratch(length: number): Float32Array {
  const bytes = length * Float32Array.BYTES_PER_ELEMENT;
  if (memory.buffer.byteLength < bytes) memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE) });
  return new Float32Array(memory.buffer, 0, length);
}
