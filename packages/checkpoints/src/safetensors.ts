import { WbdcError } from '@wbdc/io/errors';
import { decodeBfloat16, decodeFloat16, sizeOf, type Floats, type Ints } from '@wbdc/nn';

/**
 * The safetensors format: 8 bytes N (little-endian), N bytes of JSON, then the values of all tensors without gaps.
 * This file works on bytes and runs anywhere; `@wbdc/nn/node` reads and writes files.
 * Source: https://github.com/huggingface/safetensors (format section).
 */
export const BYTES_PER_VALUE = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** The reference implementation's limit: a larger header is a broken or hostile file. */
export const SAFETENSORS_HEADER_LIMIT = 100_000_000;

export type SafetensorsDtype = keyof typeof BYTES_PER_VALUE;

/** One tensor of a file; its bytes are `[start, end)` of the data section. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data section starts in the file. */
  readonly dataStart: number;
}

/** What to write: float32 or int32 values, by name. */
export type TensorRecord = Readonly<Record<string, Floats | Ints>>;

/** N, the length of the JSON header, from a file's first 8 bytes; checked against the file's size. */
export function safetensorsHeaderLength(prefix: Uint8Array, fileSize: number, where = 'safetensors'): number {
  if (prefix.length < 8)
    throw new WbdcError(`${where}: expected at least 8 bytes, got ${prefix.length}: the file is cut`);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true));
  if (length > SAFETENSORS_HEADER_LIMIT || length + 8 > fileSize) {
    const most = Math.min(SAFETENSORS_HEADER_LIMIT, fileSize - 8);
    throw new WbdcError(
      `${where}: expected a header of at most ${most} bytes, got ${length}: ` +
        'not a safetensors file, or cut; download or save it again',
    );
  }
  return length;
}

/**
 * Reads and checks the JSON header: names, types, shapes, and that the tensors fill the data without overlap or gap.
 */
export function parseSafetensorsHeader(json: Uint8Array, fileSize: number, where = 'safetensors'): SafetensorsHeader {
  const root = asObject(parseJson(json, where), `${where}: header`);
  const { __metadata__: metadata, ...entries } = root;
  const tensors = Object.entries(entries).map(([name, entry]) => parseTensor(name, entry, where));
  const dataStart = 8 + json.length;
  assertCovers(tensors, fileSize - dataStart, where);
  return {
    tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])),
    metadata: parseMetadata(metadata, where),
    dataStart,
  };
}

function parseJson(json: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (cause) {
    throw new WbdcError(`${where}: expected a JSON header, got something else: not a safetensors file, or damaged`, {
      cause,
    });
  }
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new WbdcError(`${where}: expected an object, got ${JSON.stringify(value)?.slice(0, 80)}`);
}

function parseMetadata(value: unknown, where: string): Record<string, string> {
  const metadata = value === undefined ? {} : asObject(value, `${where}: __metadata__`);
  for (const [key, text] of Object.entries(metadata)) {
    if (typeof text !== 'string')
      throw new WbdcError(`${where}: __metadata__.${key}: expected text, got ${typeof text}`);
  }
  return metadata as Record<string, string>;
}

function parseTensor(name: string, value: unknown, where: string): TensorInfo {
  const at = `${where}: tensor '${name}'`;
  const { dtype, shape, data_offsets: offsets } = asObject(value, at);
  if (typeof dtype !== 'string' || !Object.hasOwn(BYTES_PER_VALUE, dtype)) {
    throw new WbdcError(`${at}: expected a type of ${Object.keys(BYTES_PER_VALUE).join(', ')}, got ${String(dtype)}`);
  }
  if (!isCounts(shape)) throw new WbdcError(`${at}: expected a shape of whole numbers, got ${JSON.stringify(shape)}`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    throw new WbdcError(`${at}: expected data_offsets [start, end], got ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets;
  const bytes = sizeOf(shape) * BYTES_PER_VALUE[dtype as SafetensorsDtype];
  if (end - start !== bytes) {
    throw new WbdcError(`${at}: expected ${bytes} bytes for ${dtype} [${shape.join(', ')}], got ${end - start}`);
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, start, end };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function assertCovers(tensors: readonly TensorInfo[], dataSize: number, where: string): void {
  let position = 0;
  for (const { name, start, end } of [...tensors].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== position) {
      const fault = start < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw new WbdcError(
        `${where}: tensor '${name}' ${fault}: expected it to start at byte ${position}, got ${start}`,
      );
    }
    position = end;
  }
  if (position !== dataSize) {
    throw new WbdcError(
      `${where}: expected ${position} bytes of values, got ${dataSize}: the file is ` +
        `${dataSize < position ? 'cut; download or save it again' : 'longer than its header says'}`,
    );
  }
}

/**
 * A tensor's values in host memory: float types as float32, whole numbers as int32 (an error where one does not fit).
 */
export function decodeTensor(info: TensorInfo, bytes: Uint8Array, where = 'safetensors'): Floats | Ints {
  const at = `${where}: tensor '${info.name}'`;
  if (bytes.length !== info.end - info.start) {
    throw new WbdcError(`${at}: expected ${info.end - info.start} bytes, got ${bytes.length}`);
  }
  // A view where the bytes stand on a multiple of the value size, a copy elsewhere. Not slice: a Buffer's is a view.
  const aligned = bytes.byteOffset % BYTES_PER_VALUE[info.dtype] === 0 ? bytes : new Uint8Array(bytes);
  const data = decodeValues(info.dtype, aligned, at);
  const { shape } = info;
  return data instanceof Float32Array ? { data, shape } : { data, shape };
}

function decodeValues(dtype: SafetensorsDtype, bytes: Uint8Array, at: string): Float32Array | Int32Array {
  const { buffer, byteOffset } = bytes;
  const count = bytes.length / BYTES_PER_VALUE[dtype];
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, count));
    case 'F16':
      return decodeFloat16(new Uint16Array(buffer, byteOffset, count));
    case 'BF16':
      return decodeBfloat16(new Uint16Array(buffer, byteOffset, count));
    case 'I32':
      return new Int32Array(buffer, byteOffset, count);
    case 'I16':
      return Int32Array.from(new Int16Array(buffer, byteOffset, count));
    case 'I8':
      return Int32Array.from(new Int8Array(buffer, byteOffset, count));
    case 'U16':
      return Int32Array.from(new Uint16Array(buffer, byteOffset, count));
    case 'U8':
    case 'BOOL':
      return Int32Array.from(bytes);
    case 'U32':
      return narrow(new Uint32Array(buffer, byteOffset, count), at);
    case 'I64':
      return narrow(new BigInt64Array(buffer, byteOffset, count), at);
    case 'U64':
      return narrow(new BigUint64Array(buffer, byteOffset, count), at);
    case 'F8_E4M3':
    case 'F8_E5M2':
      throw new WbdcError(`${at}: ${dtype} is not supported: convert the file to F32, F16 or BF16`);
  }
}

function narrow(values: Uint32Array | BigInt64Array | BigUint64Array, at: string): Int32Array {
  const narrowed = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    narrowed[i] = Number(values[i]);
    if (narrowed[i] !== Number(values[i]))
      throw new WbdcError(`${at}: expected 32-bit whole numbers, got ${values[i]}`);
  }
  return narrowed;
}

/** Reads a whole file held in memory. The values may be views into `bytes`. */
export function parseSafetensors(
  bytes: Uint8Array,
  where = 'safetensors',
): { tensors: Record<string, Floats | Ints>; metadata: Readonly<Record<string, string>> } {
  const length = safetensorsHeaderLength(bytes.subarray(0, 8), bytes.length, where);
  const header = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length, where);
  const data = bytes.subarray(header.dataStart);
  const entries = [...header.tensors.values()].map(
    (info) => [info.name, decodeTensor(info, data.subarray(info.start, info.end), where)] as const,
  );
  return { tensors: Object.fromEntries(entries), metadata: header.metadata };
}

/** What a header has to know of a tensor before its values are at hand. */
export interface TensorShape {
  readonly name: string;
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
}

/**
 * The bytes before the data (length and JSON, padded with spaces to a multiple of 8), and the order in which the values
 * follow. Order and layout are those of the reference implementation, so the same tensors make the same bytes.
 */
export function safetensorsLayout<T extends TensorShape>(
  tensors: readonly T[],
  metadata: Readonly<Record<string, string>> = {},
): { prefix: Uint8Array; order: T[] } {
  const order = [...tensors].sort((a, b) => compare(a.dtype, b.dtype) || compare(a.name, b.name));
  const twice = order.find(({ name }, i) => name === order[i + 1]?.name || name === '__metadata__');
  if (twice) throw new WbdcError(`safetensors: expected every name once and none '__metadata__', got '${twice.name}'`);
  let position = 0;
  const entries = order.map(({ name, dtype, shape }): [string, object] => {
    const start = position;
    position += sizeOf(shape) * BYTES_PER_VALUE[dtype];
    return [name, { dtype, shape, data_offsets: [start, position] }];
  });
  const sorted = Object.entries(metadata).sort(([a], [b]) => compare(a, b));
  // Written entry by entry: an object would put names that look like numbers first.
  const parts = [...(sorted.length ? [['__metadata__', Object.fromEntries(sorted)] as const] : []), ...entries];
  const json = `{${parts.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const bytes = new TextEncoder().encode(json);
  const length = Math.ceil(bytes.length / 8) * 8;
  const prefix = new Uint8Array(8 + length).fill(0x20);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(length), true);
  prefix.set(bytes, 8);
  return { prefix, order };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A whole file in memory: float32 as F32, int32 as I32, bit by bit; the same input gives the same bytes. */
export function serializeSafetensors(
  tensors: TensorRecord,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const shapes = Object.entries(tensors).map(([name, tensor]) => ({ ...describeTensor(name, tensor), tensor }));
  const { prefix, order } = safetensorsLayout(shapes, metadata);
  const bytes = new Uint8Array(order.reduce((size, { tensor }) => size + tensor.data.byteLength, prefix.length));
  bytes.set(prefix);
  let position = prefix.length;
  for (const { tensor } of order) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), position);
    position += byteLength;
  }
  return bytes;
}

/** Name, type and shape of values in host memory; checks that they agree. */
export function describeTensor(name: string, { data, shape }: Floats | Ints): TensorShape {
  if (data.length !== sizeOf(shape)) {
    throw new WbdcError(
      `safetensors: '${name}': expected ${sizeOf(shape)} values for [${shape.join(', ')}], got ${data.length}`,
    );
  }
  return { name, dtype: data instanceof Float32Array ? 'F32' : 'I32', shape };
}
