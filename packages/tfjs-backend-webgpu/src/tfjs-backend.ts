import type { DataType, TensorInfo } from '@tensorflow/tfjs';

/**
 * The only file that knows the insides of tfjs's WebGPU backend: what is used of it and not public in its typings.
 * Hence the exact version.
 */

export type Values = Float32Array | Int32Array | Uint8Array;

/** What tfjs keeps of a tensor: its values where the GPU has not seen them yet, or the buffer. */
export interface TensorData {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  values: Values | null;
  resource: object | null;
  refCount: number;
  external?: boolean;
  complexTensorInfos?: unknown;
}

/** A program of tfjs on its way to a dispatch. */
export interface TfjsProgram {
  readonly outputShape: readonly number[];
  readonly pixelsOpType?: unknown;
  readonly size?: boolean;
  readonly outputComponent?: number;
  readonly pipeline: GPUComputePipeline;
  readonly dispatch: readonly [number, number, number];
}

export interface ProgramUniform {
  readonly type: 'int32' | 'uint32' | 'float32';
  readonly data: readonly number[];
}

export interface TfjsWebGpuBackend {
  readonly device: GPUDevice;
  tensorMap: {
    get(dataId: object): TensorData;
    set(dataId: object, data: TensorData): void;
    has(dataId: object): boolean;
    delete(dataId: object): boolean;
    numDataIds(): number;
  };
  bufferManager: { readonly numBytesUsed: number; readonly numBytesAllocated: number; dispose(): void };
  makeTensorInfo(shape: readonly number[], dtype: DataType, values?: Values): TensorInfo;
  disposeData(dataId: object, force?: boolean): boolean;
  readSync(dataId: object): Values;
  read(dataId: object): Promise<Values>;
  uploadToGPU(dataId: object): void;
  releaseResource(dataId: object): void;
  tensorToBinding(tensor: TensorInfo | null): GPUBindingResource | null;
  submitQueue(): void;
  getBufferData(buffer: GPUBuffer): Promise<ArrayBuffer>;
  runWebGPUProgram(
    program: TfjsProgram,
    inputs: readonly TensorInfo[],
    dtype: DataType,
    uniforms?: readonly ProgramUniform[],
    output?: TensorInfo,
  ): TensorInfo;
  recordAndSubmit(
    program: TfjsProgram,
    output: TensorInfo,
    inputs: readonly TensorInfo[],
    uniforms?: readonly ProgramUniform[],
  ): void;
  dispose(): void;
}

export type TfjsWebGpuBackendClass = new (device: GPUDevice, info: unknown) => TfjsWebGpuBackend;

/** The numbers of a program in the layout that its shader declares; good until the next call. */
export function programNumbers(
  program: TfjsProgram,
  output: TensorInfo,
  inputs: readonly TensorInfo[],
  own: readonly ProgramUniform[] = [],
): Uint8Array {
  const numbers = new Numbers();
  if (program.pixelsOpType == null) {
    numbers.add('float32', [NaN]);
    numbers.add('float32', [Infinity]);
    for (const { shape } of inputs) numbers.addShape(shape);
    numbers.addShape(output.shape);
  } else numbers.add('int32', stridesOf(output.shape));
  if (program.size) {
    const size = program.outputShape.reduce((product, length) => product * length, 1);
    numbers.add('int32', [program.outputComponent ? size / program.outputComponent : size]);
  }
  for (const { type, data } of own) numbers.add(type, data);
  return numbers.bytes();
}

function stridesOf(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (let i = shape.length - 1; i > 0; i--) strides.unshift((stride *= shape[i]));
  return strides;
}

/** Alignment of vectors of 1 to 6 values; WGSL has none of 5 and 6, tfjs makes structs of them. */
const ALIGNMENT = [4, 4, 8, 16, 16, 16, 16];
const NONE = [1];
/** More than any program has. */
const MEMORY = new DataView(new ArrayBuffer(4096));

/** Numbers one after another, each list at the alignment of its type. */
class Numbers {
  #at = 0;
  #largest = 4;
  #before = 0;

  add(type: ProgramUniform['type'], data: readonly number[]): void {
    const values = data.length === 0 ? NONE : data;
    const alignment = this.#before >= 5 ? 16 : ALIGNMENT[values.length];
    this.#largest = Math.max(this.#largest, alignment);
    this.#before = values.length;
    this.#skipTo(alignment);
    for (const value of values) {
      if (type === 'float32') MEMORY.setFloat32(this.#at, value, true);
      else MEMORY.setInt32(this.#at, value, true);
      this.#at += 4;
    }
  }

  addShape(shape: readonly number[]): void {
    this.add('int32', shape);
    this.add('int32', stridesOf(shape));
  }

  bytes(): Uint8Array {
    this.#skipTo(this.#largest);
    return new Uint8Array(MEMORY.buffer, 0, this.#at);
  }

  #skipTo(alignment: number): void {
    for (; this.#at % alignment !== 0; this.#at += 4) MEMORY.setInt32(this.#at, 0, true);
  }
}
