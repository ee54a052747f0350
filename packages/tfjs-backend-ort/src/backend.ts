import * as tf from '@tensorflow/tfjs';
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import { buildModel, type ElementType } from './graph.js';
import { BufferPool } from './pool.js';
import { Profile } from './profile.js';
import { messageOf, type CreateSession, type OrtValue, type Session } from './runtime.js';

export type HostArray = Float32Array | Int32Array | Uint8Array;
export type NumericType = 'float32' | 'int32' | 'bool';

interface TensorData {
  values: tf.backend_util.BackendValues;
  readonly dtype: DataType;
  refCount: number;
  /** Set by tfjs's kernel for complex tensors. */
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
}

/** Shape and type of a tensor to be made. */
export interface Spec {
  readonly shape: readonly number[];
  readonly dtype?: NumericType;
}

/** An input of a graph: a tensor, or an int64 vector. */
export type Feed = TensorInfo | BigInt64Array;

/**
 * Tensors in ordinary typed arrays, as tfjs's `cpu` backend holds them (its kernels run on this backend too), plus
 * ONNX Runtime sessions over these arrays and reuse of their memory.
 *
 * An array goes back to the pool when its last tensor is disposed, unless some kernel made another tensor of the same
 * memory. What users read (`dataSync`) is a copy: it never changes later.
 */
export class OrtBackend extends tf.KernelBackend {
  /** tfjs's kernels read `data` and `blockSize`. */
  readonly blockSize = 48;
  readonly data: tf.DataStorage<TensorData>;
  readonly profile = new Profile();
  private readonly sessions = new Map<string, Session>();
  private readonly pool: BufferPool;

  constructor(
    private readonly createSession: CreateSession,
    poolBytes: number,
  ) {
    super();
    this.pool = new BufferPool(poolBytes);
    this.data = new tf.DataStorage(this, tf.engine());
  }

  /** Runs a graph (see {@link buildModel}) over tensors. Sessions are kept by graph and types. */
  run<const Outputs extends Record<string, Spec>>(
    lines: string,
    inputs: Record<string, Feed>,
    outputs: Outputs,
  ): { [Name in keyof Outputs]: TensorInfo } {
    const feeds: Record<string, OrtValue> = {};
    for (const name in inputs) feeds[name] = this.feed(inputs[name]);
    const results: Record<string, TensorInfo> = {};
    const fetches: Record<string, OrtValue> = {};
    for (const name in outputs) {
      const result = this.allocate(outputs[name]);
      results[name] = result;
      fetches[name] = this.feed(result);
    }
    try {
      this.session(lines, feeds, fetches).run(feeds, fetches);
    } catch (cause) {
      Object.values(results).forEach(({ dataId }) => this.disposeData(dataId));
      throw new Error(describe(lines, feeds, cause), { cause });
    }
    return results as { [Name in keyof Outputs]: TensorInfo };
  }

  /** A new tensor whose values are whatever the memory held. */
  allocate({ shape, dtype = 'float32' }: Spec): TensorInfo {
    const size = tf.util.sizeFromShape([...shape]);
    const values = viewOf(this.pool.take(dtype === 'bool' ? size : size * 4), dtype, size);
    const dataId = {};
    this.data.set(dataId, { values, dtype, refCount: 1 });
    return { dataId, shape: [...shape], dtype };
  }

  /** The live values of a tensor, to be used before it is disposed, and not kept. */
  values(tensor: TensorInfo): HostArray {
    const { values } = this.data.get(tensor.dataId);
    const Values = ARRAYS[tensor.dtype as NumericType];
    return values instanceof Values ? values : Values.from(values as ArrayLike<number>);
  }

  /** The same values under another shape, for use within a kernel. */
  reshaped(tensor: TensorInfo, shape: readonly number[]): TensorInfo {
    return { dataId: tensor.dataId, shape: [...shape], dtype: tensor.dtype };
  }

  drain(): number {
    return this.pool.drain();
  }

  statistics(): { sessions: number; pool: ReturnType<BufferPool['statistics']> } {
    return { sessions: this.sessions.size, pool: this.pool.statistics() };
  }

  private feed(input: Feed): OrtValue {
    if (input instanceof BigInt64Array) return { type: 'int64', data: input, dims: [input.length], location: 'cpu' };
    return { type: input.dtype as NumericType, data: this.values(input), dims: input.shape, location: 'cpu' };
  }

  private session(lines: string, feeds: Record<string, OrtValue>, fetches: Record<string, OrtValue>): Session {
    let key = lines;
    for (const name in feeds) if (feeds[name].type !== 'float32') key += `;${name}:${feeds[name].type}`;
    for (const name in fetches) if (fetches[name].type !== 'float32') key += `;${name}:${fetches[name].type}`;
    let session = this.sessions.get(key);
    if (!session) {
      session = this.createSession(buildModel(lines, typesOf(feeds), typesOf(fetches)));
      this.sessions.set(key, session);
    }
    return session;
  }

  override write(values: tf.backend_util.BackendValues, _shape: number[], dtype: DataType): object {
    const dataId = {};
    this.move(dataId, values, _shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: object,
    values: tf.backend_util.BackendValues,
    _shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    // tfjs's kernels may hand over a view of another tensor's memory, for example a slice.
    if (ArrayBuffer.isView(values)) this.pool.share(values.buffer);
    this.data.set(dataId, { values, dtype, refCount });
  }

  makeTensorInfo(shape: number[], dtype: DataType, values: tf.backend_util.BackendValues | string[]): TensorInfo {
    const strings = dtype === 'string' && typeof values?.[0] === 'string';
    const encoded = strings ? (values as string[]).map((text) => tf.util.encodeString(text)) : values;
    return { dataId: this.write(encoded as tf.backend_util.BackendValues, shape, dtype), shape, dtype };
  }

  makeOutput(values: tf.backend_util.BackendValues, shape: number[], dtype: DataType): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.makeTensorInfo(shape, dtype, values), this);
  }

  override refCount(dataId: object): number {
    return this.data.has(dataId) ? this.data.get(dataId).refCount : 0;
  }

  override incRef(dataId: object): void {
    this.data.get(dataId).refCount++;
  }

  decRef(dataId: object): void {
    if (this.data.has(dataId)) this.data.get(dataId).refCount--;
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const data = this.data.get(dataId);
    data.refCount--;
    if (!force && data.refCount > 0) return false;
    if (data.complexTensorInfos) {
      this.disposeData(data.complexTensorInfos.real.dataId, true);
      this.disposeData(data.complexTensorInfos.imag.dataId, true);
    }
    this.data.delete(dataId);
    if (ArrayBuffer.isView(data.values)) this.pool.give(data.values.buffer);
    return true;
  }

  disposeIntermediateTensorInfo({ dataId }: TensorInfo): void {
    this.disposeData(dataId);
  }

  override readSync(dataId: object): tf.backend_util.BackendValues {
    const { values, dtype, complexTensorInfos } = this.data.get(dataId);
    if (complexTensorInfos) {
      const part = ({ dataId }: TensorInfo): Float32Array => this.readSync(dataId) as Float32Array;
      return tf.backend_util.mergeRealAndImagArrays(part(complexTensorInfos.real), part(complexTensorInfos.imag));
    }
    return tf.util.convertBackendValuesAndArrayBuffer(values, dtype).slice() as tf.backend_util.BackendValues;
  }

  override async read(dataId: object): Promise<tf.backend_util.BackendValues> {
    return this.readSync(dataId);
  }

  bufferSync({ dataId, shape, dtype }: TensorInfo): unknown {
    const values = this.readSync(dataId);
    if (dtype !== 'string') return tf.buffer(shape as [], dtype, values as HostArray);
    const strings = Array.from(values as Uint8Array[], (bytes) => tf.util.decodeString(bytes));
    return tf.buffer(shape as [], dtype, strings as unknown as tf.DataTypeMap['string']);
  }

  where(condition: TensorInfo): tf.Tensor2D {
    return tf.kernel_impls.whereImpl(condition.shape, this.values(condition));
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override async time(f: () => void): Promise<tf.BackendTimingInfo> {
    const start = performance.now();
    f();
    return { kernelMs: performance.now() - start };
  }

  override dispose(): void {
    this.pool.drain();
    this.sessions.clear();
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

function viewOf(buffer: ArrayBuffer, dtype: NumericType, size: number): HostArray {
  return new ARRAYS[dtype](buffer, 0, size);
}

function typesOf(values: Record<string, OrtValue>): Record<string, ElementType> {
  return Object.fromEntries(Object.entries(values).map(([name, { type }]) => [name, type]));
}

function describe(lines: string, feeds: Record<string, OrtValue>, cause: unknown): string {
  const shapes = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`);
  return `ONNX Runtime failed on ${shapes.join(', ')} in '${lines.replaceAll('\n', '; ')}': ${messageOf(cause)}`;
}
