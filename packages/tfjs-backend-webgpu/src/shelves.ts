import type { TensorInfo } from '@tensorflow/tfjs';
import { sizeOf } from '@wbdc/nn/plain';
import type { WebGpuBackend } from './backend.js';
import type { Region } from './commands.js';
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

/** A slab of so many values. */
export function newSlab({ pool }: Pick<WebGpuBackend, 'pool'>, length: number): Slab {
  const bytes = 4 * length || 16; // WebGPU binds nothing empty
  const buffer = pool.acquire(bytes);
  return new Slab(buffer, bytes, () => pool.release(buffer));
}

/** Tensors that lie one after another as they are to lie: one copy. */
interface Run {
  readonly from: Region;
  /** Where the first goes. */
  readonly at: number;
  bytes: number;
}

function copyRun(backend: WebGpuBackend, { from, at, bytes }: Run, buffer: GPUBuffer): void {
  backend.commands.copy({ ...from, bytes }, { buffer, offset: at, bytes });
}

/** Moves tensors into slabs, values and all; those of one shelf into one. */
export function moveTogether(backend: WebGpuBackend, tensors: readonly TensorInfo[], shelves: readonly Shelf[]): void {
  for (const { members, offsets, length } of shelves) {
    const slab = newSlab(backend, length);
    const { buffer } = slab;
    const moved = new Set<object>();
    let run: Run | undefined;
    members.forEach((member, i) => {
      if (sizeOf(tensors[member].shape) === 0) return;
      const from = backend.regionOf(tensors[member]);
      const at = 4 * offsets[i];
      const next = run?.from.buffer === from.buffer && from.offset - run.from.offset === at - run.at;
      if (run && !next) copyRun(backend, run, buffer);
      if (run && next) run.bytes = from.offset + from.bytes - run.from.offset;
      else run = { from, at, bytes: from.bytes };
    });
    if (run) copyRun(backend, run, buffer);
    members.forEach((member, i) => {
      const tensor = tensors[member];
      if (moved.has(tensor.dataId)) return; // one tensor twice: its values are in both places
      moved.add(tensor.dataId);
      backend.place(tensor, slab, 4 * offsets[i]);
    });
  }
}
