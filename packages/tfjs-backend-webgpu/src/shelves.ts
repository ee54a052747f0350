import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from './backend.js';
import { Slab } from './slab.js';

/** Offsets of tensors are multiples of this, in values: that of the strictest device. */
const ALIGNMENT = 64;

/** Sizes one after another, split where a binding would exceed the device's limit. */
interface Shelf {
  /** Indices of the sizes that it holds. */
  readonly members: readonly number[];
  /** Where they begin, in values. */
  readonly offsets: readonly number[];
  readonly length: number;
}

/** @param limit of one binding, in bytes */
export function shelvesFor(sizes: readonly number[], limit: number): Shelf[] {
  const most = Math.floor(limit / 4);
  const shelves: { members: number[]; offsets: number[]; length: number }[] = [];
  sizes.forEach((size, i) => {
    const room = Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    let last = shelves.at(-1);
    if (!last || last.length + room > most) shelves.push((last = { members: [], offsets: [], length: 0 }));
    last.members.push(i);
    last.offsets.push(last.length);
    last.length += room;
  });
  return shelves;
}

/** Moves tensors into slabs, values and all; those of one shelf into one. */
export function moveTogether(backend: WebGpuBackend, tensors: readonly TensorInfo[], shelves: readonly Shelf[]): void {
  for (const { members, offsets, length } of shelves) {
    const bytes = 4 * length || 16; // WebGPU binds nothing empty
    const buffer = backend.pool.acquire(bytes);
    const slab = new Slab(buffer, bytes, () => backend.pool.release(buffer));
    const moved = new Set<object>();
    members.forEach((member, i) => {
      const tensor = tensors[member];
      const bytes = 4 * sizeOf(tensor.shape);
      if (bytes > 0) backend.commands.copy(backend.regionOf(tensor), { buffer, offset: 4 * offsets[i], bytes });
      if (moved.has(tensor.dataId)) return; // one tensor twice: its values are in both places
      moved.add(tensor.dataId);
      backend.place(tensor, slab, 4 * offsets[i]);
    });
  }
}
