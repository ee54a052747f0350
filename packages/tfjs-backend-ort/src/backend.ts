import * as tf from '@tensorflow/tfjs';
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import { Arena, type ArenaStatistics, type Block } from './arena.js';
import { buildModel, type ElementType } from './graph.js';
import type { Homes } from './in-place/homes.js';
import { Profile } from './profile.js';
import { messageOf, type CreateSession, type OrtValue, type Session } from './runtime.js';

export type HostArray = Float32Array | Int32Array | Uint8Array;
export type NumericType = 'float32' | 'int32' | 'bool';

interface TensorData {
  values: tf.backend_util.BackendValues;
  readonly dtype: DataType;
  refCount: number;
  /** Where the memory of the arena or of a home holds the values. */
  block?: Block | undefined;
  /** Set by tfjs's kernel for complex tensors. */
  complexTensorInfos?: { real: TensorInfo; imag: TensorInfo };
}

/** Shape and type of a tensor to allocate. */
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
 * Memory goes back to the arena when its last tensor is disposed. What users read (`dataSync`), and what a kernel of
 * tfjs hands over as a view of another tensor's memory, is a copy: it never changes later.
 */
export class OrtBackend extends tf.KernelBackend {
  /** tfjs's kernels read `data` and `blockSize`. */
  readonly blockSize = 48;
  readonly data: tf.DataStorage<TensorData>;
  readonly profile = new Profile();
  private readonly sessions = new Map<string, Session>();
  private readonly arena: Arena;

  constructor(
    private readonly createSession: CreateSession,
    poolBytes: number,
    /** Memory for what an optimizer changes where it is; none where threads cannot share memory with ONNX Runtime. */
    readonly homes: Homes | undefined,
  ) {
    super();
    this.arena = new Arena(poolBytes);
    this.data = new tf.DataStorage(this, tf.engine());
  }

  /** Runs a graph (see {@link buildModel}) over tensors. Sessions are kept by graph and types. */
  run<const Outputs extends Record<string, Spec>>(
    lines: string,
    inputs: Record<string, Feed>,
    outputs: Outputs,
  ): { [Name in keyof Outputs]: TensorInfo } {
    return this.filling(outputs, (results) => this.execute(lines, this.feeds(inputs), this.feeds(results)));
  }

  /**
   * Runs a graph piece by piece along the first axis of the tensors in `rows` and of all outputs, each piece with all
   * of `whole`. What the graph makes on its way then fits into the processor's caches, and takes no memory to speak of.
   */
  runPieces<const Outputs extends Record<string, Spec>>(
    lines: string,
    pieces: number,
    rows: Record<string, TensorInfo>,
    whole: Record<string, Feed>,
    outputs: Outputs,
  ): { [Name in keyof Outputs]: TensorInfo } {
    return this.filling(outputs, (results) => {
      const shared = this.feeds(whole);
      for (let i = 0; i < pieces; i++) {
        this.execute(lines, { ...this.pieces(rows, i, pieces), ...shared }, this.pieces(results, i, pieces));
      }
    });
  }

  /** Allocates outputs and has them filled; gives them back where that fails. */
  filling<const Outputs extends Record<string, Spec>>(
    outputs: Outputs,
    fill: (results: Record<string, TensorInfo>) => void,
  ): { [Name in keyof Outputs]: TensorInfo } {
    const results = mapValues(outputs, (spec) => this.allocate(spec));
    try {
      fill(results);
    } catch (error) {
      Object.values(results).forEach(({ dataId }) => this.disposeData(dataId));
      throw error;
    }
    return results as { [Name in keyof Outputs]: TensorInfo };
  }

  /**
   * Runs a graph over arrays. An output may stand in an input's memory where the graph goes through both elementwise.
   */
  execute(lines: string, feeds: Record<string, OrtValue>, fetches: Record<string, OrtValue>): void {
    try {
      this.session(lines, feeds, fetches).run(feeds, fetches);
    } catch (cause) {
      throw new WbdcError(describe(lines, feeds, cause), { cause });
    }
  }

  /** Tensors and vectors as ONNX Runtime takes them: the live arrays. */
  feeds(inputs: Record<string, Feed>): Record<string, OrtValue> {
    return mapValues(inputs, (input) => {
      if (input instanceof BigInt64Array) return { type: 'int64', data: input, dims: [input.length], location: 'cpu' };
      return { type: input.dtype as NumericType, data: this.values(input), dims: input.shape, location: 'cpu' };
    });
  }

  /** Piece `i` of `count` of tensors along their first axis, as {@link feeds}. */
  pieces(tensors: Record<string, TensorInfo>, i: number, count: number): Record<string, OrtValue> {
    return mapValues(tensors, (tensor) => {
      const [rows, ...rest] = tensor.shape;
      const [from, to] = [Math.floor((i * rows) / count), Math.floor(((i + 1) * rows) / count)];
      const width = tf.util.sizeFromShape(rest);
      const data = this.values(tensor).subarray(from * width, to * width);
      return { type: tensor.dtype as NumericType, data, dims: [to - from, ...rest], location: 'cpu' };
    });
  }

  /** A new tensor whose values are whatever the memory held. */
  allocate({ shape, dtype = 'float32' }: Spec): TensorInfo {
    const size = tf.util.sizeFromShape([...shape]);
    const bytes = dtype === 'bool' ? size : size * 4;
    const block = bytes < SMALLEST ? undefined : this.arena.take(bytes);
    const values = new ARRAYS[dtype](block?.buffer ?? new ArrayBuffer(bytes), block?.offset ?? 0, size);
    const dataId = {};
    this.data.set(dataId, { values, dtype, refCount: 1, block });
    return { dataId, shape: [...shape], dtype };
  }

  /** The live values of a tensor, to be used before it is disposed, and not kept. */
  values(tensor: TensorInfo): HostArray {
    const { values } = this.data.get(tensor.dataId);
    const Values = ARRAYS[tensor.dtype as NumericType];
    return values instanceof Values ? values : Values.from(values as ArrayLike<number>);
  }

  /**
   * Where tensors of one size lie in a home, all in the same; moves them there unless they do already.
   * @throws RangeError where a home has no memory for them
   */
  settle(homes: Homes, tensors: readonly TensorInfo[]): readonly Block[] {
    const places = tensors.map(({ dataId }) => this.data.get(dataId).block);
    const settled = places.every((block) => block && homes.owns(block.buffer) && block.buffer === places[0]?.buffer);
    if (settled) return places as Block[];
    const blocks = homes.take(tensors.length, 4 * tf.util.sizeFromShape(tensors[0].shape));
    tensors.forEach((tensor, i) => this.moveTo(blocks[i], tensor));
    return blocks;
  }

  private moveTo(block: Block, tensor: TensorInfo): void {
    const values = this.values(tensor);
    const data = this.data.get(tensor.dataId);
    const moved = new Float32Array(block.buffer, block.offset, values.length);
    moved.set(values);
    if (data.block) this.release(data.block);
    Object.assign(data, { values: moved, block });
  }

  private release(block: Block): void {
    if (this.homes?.owns(block.buffer)) this.homes.give(block);
    else this.arena.give(block);
  }

  /** The same values under another shape, for use within a kernel. */
  reshaped(tensor: TensorInfo, shape: readonly number[]): TensorInfo {
    return { dataId: tensor.dataId, shape: [...shape], dtype: tensor.dtype };
  }

  drain(): number {
    return this.arena.drain();
  }

  statistics(): { sessions: number; pool: ArenaStatistics } {
    return { sessions: this.sessions.size, pool: this.arena.statistics() };
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
    const foreign = ArrayBuffer.isView(values) && (this.arena.owns(values.buffer) || this.homes?.owns(values.buffer));
    this.data.set(dataId, { values: foreign ? values.slice() : values, dtype, refCount });
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
    if (data.block) this.release(data.block);
    return true;
  }

  disposeIntermediateTensorInfo({ dataId }: TensorInfo): void {
    this.disposeData(dataId);
  }

  override readSync(dataId: object): tf.backend_util.BackendValues {
    const { values, dtype, complexTensorInfos } = this.data.get(dataId);
    if (complexTensorInfos) {
      const valuesOf = ({ dataId }: TensorInfo): Float32Array => this.readSync(dataId) as Float32Array;
      return tf.backend_util.mergeRealAndImagArrays(
        valuesOf(complexTensorInfos.real),
        valuesOf(complexTensorInfos.imag),
      );
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
    this.homes?.close();
    this.arena.drain();
    this.sessions.clear();
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

/** Smaller arrays come from the JavaScript heap and go to its garbage collector. */
const SMALLEST = 4096;

function mapValues<T, U>(record: Record<string, T>, map: (value: T) => U): Record<string, U> {
  const result: Record<string, U> = {};
  for (const name in record) result[name] = map(record[name]);
  return result;
}

function typesOf(values: Record<string, OrtValue>): Record<string, ElementType> {
  return Object.fromEntries(Object.entries(values).map(([name, { type }]) => [name, type]));
}

function describe(lines: string, feeds: Record<string, OrtValue>, cause: unknown): string {
  const shapes = Object.entries(feeds).map(([name, { dims }]) => `${name} [${dims.join(', ')}]`);
  return `ONNX Runtime failed on ${shapes.join(', ')} in '${lines.replaceAll('\n', '; ')}': ${messageOf(cause)}`;
}
