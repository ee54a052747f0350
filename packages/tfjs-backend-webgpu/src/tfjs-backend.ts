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
  readonly tensorMap: {
    get(dataId: object): TensorData;
    has(dataId: object): boolean;
    delete(dataId: object): boolean;
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

/** The numbers of a program in the layout that its shader declares. */
export function programNumbers(
  program: TfjsProgram,
  output: TensorInfo,
  inputs: readonly TensorInfo[],
  own: readonly ProgramUniform[] = [],
): ArrayBuffer {
  const int = (data: readonly number[]): ProgramUniform => ({ type: 'int32', data });
  const fields: ProgramUniform[] = [];
  if (program.pixelsOpType == null) {
    fields.push({ type: 'float32', data: [NaN] }, { type: 'float32', data: [Infinity] });
    for (const { shape } of [...inputs, output]) fields.push(int(shape), int(stridesOf(shape)));
  } else fields.push(int(stridesOf(output.shape)));
  if (program.size) {
    const size = program.outputShape.reduce((product, length) => product * length, 1);
    fields.push(int([program.outputComponent ? size / program.outputComponent : size]));
  }
  return packed([...fields, ...own]);
}

function stridesOf(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (let i = shape.length - 1; i > 0; i--) strides.unshift((stride *= shape[i]));
  return strides;
}

/** Alignment of vectors of 1 to 6 values; WGSL has none of 5 and 6, tfjs makes structs of them. */
const ALIGNMENT = [4, 4, 8, 16, 16, 16, 16];

function packed(fields: readonly ProgramUniform[]): ArrayBuffer {
  let at = 0;
  let largest = 4;
  let before = 0;
  const placed = fields.map(({ type, data }) => {
    const values = data.length === 0 ? [1] : data;
    const alignment = before >= 5 ? 16 : ALIGNMENT[values.length];
    largest = Math.max(largest, alignment);
    const offset = Math.ceil(at / alignment) * alignment;
    before = values.length;
    at = offset + 4 * values.length;
    return { type, values, offset };
  });
  const buffer = new ArrayBuffer(Math.ceil(at / largest) * largest);
  for (const { type, values, offset } of placed) {
    const array = type === 'float32' ? Float32Array : type === 'uint32' ? Uint32Array : Int32Array;
    new array(buffer, offset, values.length).set(values);
  }
  return buffer;
}
