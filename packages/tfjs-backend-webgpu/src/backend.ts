import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import type { Commands, Region } from './commands.js';
import type { Faults } from './faults.js';
import type { SubgroupMatrix } from './kernels/subgroup-tiles.js';
import type { BufferPool } from './pool.js';
import type { Pump } from './pump.js';
import type { Place, Slab } from './slab.js';
import type { TfjsWebGpuBackend, Values } from './tfjs-backend.js';

export interface BackendOptions {
  /** What may be allocated while something is free, in bytes. */
  readonly poolBytes?: number | undefined;
  /** Where reads can wait synchronously: in Node. */
  readonly pump?: Pump | undefined;
  /** In what matrices are multiplied. */
  readonly precision?: Precision;
  /** What the device's subgroups multiply at once, where they do. */
  readonly subgroupMatrix?: SubgroupMatrix | undefined;
}

/** float32, or float16 with sums in float32. */
export type Precision = 'fp32' | 'fp16';

/** What this package's kernels run on. */
export interface WebGpuBackend extends TfjsWebGpuBackend {
  readonly commands: Commands;
  readonly pool: BufferPool;
  readonly faults: Faults;
  precision: Precision;
  readonly subgroupMatrix: SubgroupMatrix | undefined;
  /** The memory of a tensor, whose values are brought to the GPU where they are not. */
  regionOf(tensor: TensorInfo): Region;
  /** A new tensor, whose memory holds anything. */
  empty(shape: readonly number[], dtype?: DataType): TensorInfo;
  /** New tensors of float32 that lie in this order in one buffer, or in as few as its limit allows. */
  together(shapes: readonly (readonly number[])[]): TensorInfo[];
  /** Memory for the commands of one kernel: call the second to give it back when they are recorded. */
  scratch(bytes: number): [Region, () => void];
  /** The same with values, which are on the GPU before any command that is submitted later. */
  upload(values: Values | Uint32Array): [Region, () => void];
  /** Gives a tensor another place; its values go with it by the caller. */
  place(tensor: TensorInfo, slab: Slab, offset: number): void;
  /** The slab that a tensor lies in. */
  slabOf(tensor: TensorInfo): Place | undefined;
  memory(): { unreliable: boolean; numBytesInGPU: number; numBytesAllocatedInGPU: number };
}
