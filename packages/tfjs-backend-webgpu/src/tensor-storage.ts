import * as tf from '@tensorflow/tfjs';
import type { KernelBackend } from '@tensorflow/tfjs';
import type { Region } from './commands.js';
import type { Slab } from './slab.js';
import type { TensorData, TfjsWebGpuBackend } from './tfjs-backend.js';

/** A tensor's memory: a buffer of its own, or a place in a slab. All have the same fields: quickest to read. */
export interface Placed extends TensorData {
  resource: GPUBuffer | null;
  /** The buffer is the pool's. */
  pooled: boolean;
  slab: Slab | undefined;
  offset: number;
  /** Of the resource; made when it is first asked for. */
  region: Region | undefined;
}

/** What tfjs names a tensor's values by: an object of its own for each. */
interface DataId {
  [property: symbol]: Placed | undefined;
}

/**
 * Tensors by their ids, as tfjs's `DataStorage`, in a property of the id. tfjs's is a `WeakMap`: some thousand entries
 * that come and go in a step cost the collector of garbage as much as much of the step itself.
 */
export class TensorStorage {
  readonly #own = Symbol('tensor');
  readonly #backend: TfjsWebGpuBackend;
  #count = 0;

  constructor(backend: TfjsWebGpuBackend) {
    this.#backend = backend;
  }

  /** A tensor of another engine is brought here first. */
  get(dataId: object): Placed {
    return (dataId as DataId)[this.#own] ?? this.#moved(dataId as DataId);
  }

  set(dataId: object, data: TensorData): void {
    this.#count++;
    const { dtype, shape, values, refCount, external, complexTensorInfos } = data;
    (dataId as DataId)[this.#own] = {
      dtype,
      shape,
      values,
      resource: null,
      refCount,
      external: external ?? false,
      complexTensorInfos,
      pooled: false,
      slab: undefined,
      offset: 0,
      region: undefined,
    };
  }

  has(dataId: object): boolean {
    return (dataId as DataId)[this.#own] !== undefined;
  }

  delete(dataId: object): boolean {
    if (!this.has(dataId)) return false;
    this.#count--;
    (dataId as DataId)[this.#own] = undefined; // deleted, it would make the object a slow one
    return true;
  }

  numDataIds(): number {
    return this.#count;
  }

  #moved(dataId: DataId): Placed {
    tf.engine().moveData(this.#backend as unknown as KernelBackend, dataId);
    return dataId[this.#own]!;
  }
}
