import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { WbdcError } from '@wbdc/io/errors';
import { sizeOf } from '@wbdc/nn/plain';
import type { BackendOptions, Precision, WebGpuBackend } from './backend.js';
import { Commands, type Operand, type Region } from './commands.js';
import { bytesText, WebGpuMemoryError } from './errors.js';
import { Faults } from './faults.js';
import type { SubgroupMatrix } from './kernels/subgroup-tiles.js';
import { BufferPool } from './pool.js';
import type { Pump } from './pump.js';
import { newSlab, shelvesFor } from './shelves.js';
import type { Place, Slab } from './slab.js';
import { TensorStorage, type Placed } from './tensor-storage.js';
import {
  programNumbers,
  type ProgramUniform,
  type TfjsProgram,
  type TfjsWebGpuBackend,
  type TfjsWebGpuBackendClass,
  type Values,
} from './tfjs-backend.js';

// Its typings hide what is used of it.
const Base = WebGPUBackend as unknown as TfjsWebGpuBackendClass;

/**
 * tfjs's WebGPU backend with memory, commands, reads and faults of our own: buffers are shared between sizes and freed,
 * dispatches cost the host little, reads can be synchronous in Node, and what the device refuses is thrown.
 */
export class Backend extends Base implements WebGpuBackend {
  readonly pool: BufferPool;
  readonly faults: Faults;
  readonly commands: Commands;
  precision: Precision;
  readonly subgroupMatrix: SubgroupMatrix | undefined;
  readonly #tensors: TensorStorage;
  readonly #pump: Pump | undefined;
  readonly #staging: GPUBuffer[] = [];

  constructor(
    device: GPUDevice,
    info: unknown,
    { poolBytes, pump, precision = 'fp32', subgroupMatrix }: BackendOptions,
  ) {
    super(device, info);
    this.tensorMap = this.#tensors = new TensorStorage(this);
    this.precision = precision;
    this.subgroupMatrix = subgroupMatrix;
    this.#pump = pump;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.pool = new BufferPool((size) => this.#newBuffer(size, usage), poolBytes);
    this.faults = new Faults(device, () => this.pool.statistics());
    this.commands = new Commands(
      device,
      this.faults,
      () => this.pool.submitted(),
      (operand) => this.regionOf(operand),
    );
    const { pool } = this;
    this.bufferManager = {
      get numBytesUsed() {
        return pool.statistics().used;
      },
      get numBytesAllocated() {
        return pool.statistics().allocated;
      },
      dispose: () => pool.dispose(),
    };
  }

  /** Tries again without the free buffers where the device has no memory left. */
  #newBuffer(size: number, usage: number): GPUBuffer {
    const limit = this.device.limits.maxBufferSize;
    if (size > limit) throw tooLarge(size, limit);
    const make = (): GPUBuffer => this.device.createBuffer({ size, usage });
    const first = make();
    if (!this.faults.forgiveMemory()) return first;
    this.commands.submit();
    this.pool.drain();
    this.pool.submitted();
    return this.faults.during('memory for a tensor', make);
  }

  regionOf(operand: Operand): Region {
    const { dataId } = operand as TensorInfo; // quicker than whether it is in it
    if (!dataId) return operand as Region;
    const data = this.#tensors.get(dataId);
    if (data.region) return data.region;
    if (!data.resource) this.#bring(data);
    return (data.region = { buffer: data.resource!, offset: data.offset, bytes: bytesOf(operand as TensorInfo) });
  }

  empty(shape: readonly number[], dtype: DataType = 'float32'): TensorInfo {
    return this.makeTensorInfo([...shape], dtype);
  }

  scratch(bytes: number): [Region, () => void] {
    const buffer = this.pool.acquire(bytes);
    return [{ buffer, offset: 0, bytes }, () => this.pool.release(buffer)];
  }

  upload(values: Values | Uint32Array): [Region, () => void] {
    const buffer = this.pool.acquire(values.byteLength, true);
    this.device.queue.writeBuffer(buffer, 0, values);
    return [{ buffer, offset: 0, bytes: values.byteLength }, () => this.pool.release(buffer)];
  }

  together(shapes: readonly (readonly number[])[]): TensorInfo[] {
    const tensors = shapes.map((shape) => this.empty(shape));
    const sizes = shapes.map((shape) => sizeOf(shape));
    for (const { members, offsets, length } of shelvesFor(sizes, this.device.limits.maxStorageBufferBindingSize)) {
      const slab = newSlab(this, length);
      members.forEach((member, i) => this.place(tensors[member], slab, 4 * offsets[i]));
    }
    return tensors;
  }

  place(tensor: TensorInfo, slab: Slab, offset: number): void {
    this.releaseResource(tensor.dataId);
    const data = this.#tensors.get(tensor.dataId);
    data.resource = slab.buffer;
    data.slab = slab;
    data.offset = offset;
    data.region = undefined;
    data.values = null;
    slab.enter();
  }

  slabOf({ dataId }: TensorInfo): Place | undefined {
    const data = this.#tensors.get(dataId);
    return data.slab && (data as Place);
  }

  memory(): { unreliable: boolean; numBytesInGPU: number; numBytesAllocatedInGPU: number } {
    const { used, allocated } = this.pool.statistics();
    return { unreliable: false, numBytesInGPU: used, numBytesAllocatedInGPU: allocated };
  }

  override uploadToGPU(dataId: object): void {
    this.#bring(this.#tensors.get(dataId));
  }

  #bring(data: Placed): void {
    if (data.resource) return;
    const bytes = 4 * sizeOf(data.shape);
    const limit = this.device.limits.maxStorageBufferBindingSize;
    if (bytes > limit) throw tooLarge(bytes, limit, data.shape);
    const { values } = data;
    data.resource = this.pool.acquire(bytes, values !== null && values !== undefined);
    data.pooled = true;
    if (!values) return;
    const words = data.dtype === 'float32' ? asFloats(values) : Int32Array.from(values);
    this.device.queue.writeBuffer(data.resource, 0, words);
    data.values = null;
  }

  override releaseResource(dataId: object): void {
    const data = this.#tensors.get(dataId);
    if (!data.resource) return;
    if (data.slab) data.slab.leave();
    else if (data.pooled) this.pool.release(data.resource as GPUBuffer);
    else super.releaseResource(dataId);
    data.resource = null;
    data.pooled = false;
    data.slab = data.region = undefined;
    data.offset = 0;
  }

  /** At once, where tfjs waits for the next submission: commands run in order, and buffers are given up after it. */
  override disposeData(dataId: object, force = false): boolean {
    if (!this.tensorMap.has(dataId)) return true;
    const data = this.#tensors.get(dataId);
    if (data.complexTensorInfos || (data.resource && !data.pooled && !data.slab))
      return super.disposeData(dataId, force);
    data.refCount = force ? 0 : data.refCount - 1;
    if (data.refCount > 0) return false;
    this.releaseResource(dataId);
    this.tensorMap.delete(dataId);
    return true;
  }

  override submitQueue(): void {
    this.commands.submit();
  }

  override runWebGPUProgram(...args: Parameters<TfjsWebGpuBackend['runWebGPUProgram']>): TensorInfo {
    return this.faults.during(`tfjs's ${args[0].constructor.name}`, () => super.runWebGPUProgram(...args));
  }

  override recordAndSubmit(
    program: TfjsProgram,
    output: TensorInfo,
    inputs: readonly TensorInfo[],
    uniforms?: readonly ProgramUniform[],
  ): void {
    const regions = [output, ...inputs].map((tensor) => roundedUp(this.regionOf(tensor)));
    const numbers = programNumbers(program, output, inputs, uniforms);
    this.commands.runPipeline(program.constructor.name, program.pipeline, regions, numbers, program.dispatch);
  }

  override readSync(dataId: object): Values {
    const { values, dtype, complexTensorInfos, resource, shape } = this.#tensors.get(dataId);
    if (isEmpty(values, shape, dtype)) return noValues(dtype);
    if (values || dtype === 'string' || complexTensorInfos || !resource) return super.readSync(dataId);
    const pump = this.#pump;
    if (!pump)
      throw new WbdcError(
        "webgpu: expected an asynchronous read, got dataSync(): in a browser use 'await tensor.data()'",
      );
    const staging = this.#stage(dataId, 4 * sizeOf(shape));
    void staging.mapAsync(GPUMapMode.READ).catch(() => undefined); // told by its state
    pump.waitWhile(() => staging.mapState === 'pending');
    if (staging.mapState !== 'mapped') throw this.faults.unread();
    return this.#take(staging, shape, dtype);
  }

  override async read(dataId: object): Promise<Values> {
    const { values, dtype, complexTensorInfos, resource, shape } = this.#tensors.get(dataId);
    if (isEmpty(values, shape, dtype)) return noValues(dtype);
    if (values || dtype === 'string' || complexTensorInfos || !resource) return super.read(dataId);
    const staging = this.#stage(dataId, 4 * sizeOf(shape));
    await staging.mapAsync(GPUMapMode.READ).catch(() => {
      throw this.faults.unread();
    });
    this.faults.check();
    return this.#take(staging, shape, dtype);
  }

  #stage(dataId: object, bytes: number): GPUBuffer {
    const { resource, offset } = this.#tensors.get(dataId);
    const fitting = this.#staging.findIndex(({ size }) => size >= bytes && size <= Math.max(4096, 2 * bytes));
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const staging =
      fitting >= 0
        ? this.#staging.splice(fitting, 1)[0]
        : this.faults.during('a read', () => this.device.createBuffer({ size: Math.max(256, bytes), usage }));
    this.faults.during('a read', () => {
      this.commands.copy({ buffer: resource!, offset, bytes }, { buffer: staging, offset: 0, bytes });
      this.commands.submit();
    });
    return staging;
  }

  #take(staging: GPUBuffer, shape: readonly number[], dtype: DataType): Values {
    const bytes = staging.getMappedRange(0, 4 * sizeOf(shape)).slice(0);
    staging.unmap();
    this.#staging.push(staging);
    if (this.#staging.length > KEPT_FOR_READS) this.#staging.shift()!.destroy();
    if (dtype === 'float32') return new Float32Array(bytes);
    const words = new Int32Array(bytes);
    return dtype === 'bool' ? Uint8Array.from(words) : words;
  }

  override async getBufferData(): Promise<ArrayBuffer> {
    throw new WbdcError('webgpu: expected a tensor to read, got a buffer');
  }

  override tensorToBinding(tensor: TensorInfo | null): GPUBindingResource | null {
    if (!tensor) return null;
    const { resource } = this.#tensors.get(tensor.dataId);
    if (!(resource instanceof GPUBuffer)) return super.tensorToBinding(tensor);
    const { buffer, offset, bytes } = this.regionOf(tensor);
    return { buffer, offset, size: bytes };
  }
}

const KEPT_FOR_READS = 4;

/** A binding of tfjs's shaders of four values at a time holds whole ones. */
function roundedUp({ buffer, offset, bytes }: Region): Region {
  return { buffer, offset, bytes: Math.max(16, Math.ceil(bytes / 16) * 16) };
}

/** Of an empty tensor some bytes nevertheless: WebGPU binds nothing empty. */
function bytesOf({ shape }: TensorInfo): number {
  return 4 * sizeOf(shape) || 16;
}

function asFloats(values: Values): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function tooLarge(bytes: number, limit: number, shape?: readonly number[]): WebGpuMemoryError {
  const what = shape ? `a tensor [${shape.join(', ')}] of ${bytesText(bytes)}` : bytesText(bytes);
  return new WebGpuMemoryError(
    `the GPU takes at most ${bytesText(limit)} in one piece, got ${what}; lower the batch size, ` +
      'the length of the texts or the vocabulary',
  );
}

/** Of no values there is nothing on the GPU to read. */
function isEmpty(values: unknown, shape: readonly number[], dtype: DataType): boolean {
  return !values && dtype !== 'string' && dtype !== 'complex64' && sizeOf(shape) === 0;
}

function noValues(dtype: DataType): Values {
  return dtype === 'int32' ? new Int32Array(0) : dtype === 'bool' ? new Uint8Array(0) : new Float32Array(0);
}
