import { sizeOf, type Floats, decodeFloat16, encodeFloat16 } from '@wbdc/nn/plain';
import { DataError } from '../files/data-error.js';

/** Element types of the arrays we store. */
export type NpyType = 'float16' | 'float32';

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const CODES: Readonly<Record<NpyType, string>> = { float16: '<f2', float32: '<f4' };
const WIDTHS: Readonly<Record<NpyType, number>> = { float16: 2, float32: 4 };
/** A header of three keys needs about 70 bytes; anything far over that is not an array of ours. */
const MAX_HEADER = 4096;

interface Header {
  readonly type: NpyType;
  readonly shape: readonly number[];
  /** Where the values start. */
  readonly offset: number;
}

/**
 * An array in NumPy's .npy format, version 1.0, C order (numpy.lib.format). Values over the range of float16 become
 * infinite: who writes features checks them first, as `createFeatureStore` does.
 */
export function encodeNpy(array: Floats, type: NpyType): Uint8Array {
  const shape = array.shape.length === 1 ? `${array.shape[0]},` : array.shape.join(', ');
  const dictionary = `{'descr': '${CODES[type]}', 'fortran_order': False, 'shape': (${shape}), }`;
  // NumPy aligns the values to 64 bytes and ends the header with a newline.
  const size = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10;
  const values = type === 'float16' ? encodeFloat16(array.data) : array.data;
  const out = Buffer.alloc(10 + size + values.byteLength, 0x20);
  MAGIC.copy(out);
  out.writeUInt16LE(1, 6); // version 1.0
  out.writeUInt16LE(size, 8);
  out.write(dictionary, 10, 'latin1');
  out[10 + size - 1] = 0x0a;
  out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 10 + size);
  return out;
}

/**
 * Values and shape of a .npy file (versions 1 to 3, little-endian float16 or float32, C order).
 *
 * @param where names the array in errors
 * @throws DataError when it is no such array, or its size is not exactly what its header says
 */
export function decodeNpy(bytes: Uint8Array, where: string): Floats {
  const { type, shape, offset } = readHeader(bytes, where);
  const expected = sizeOf(shape) * WIDTHS[type];
  const got = bytes.length - offset;
  if (got !== expected) {
    throw new DataError(
      `${where}: expected ${expected} bytes for ${type} [${shape.join(', ')}], got ${got}: the array is damaged`,
    );
  }
  // Aligned, and free of the buffer it was read into; Buffer's own slice would not copy.
  const copy = Uint8Array.prototype.slice.call(bytes, offset);
  if (type === 'float32') return { data: new Float32Array(copy.buffer, copy.byteOffset, sizeOf(shape)), shape };
  return { data: decodeFloat16(new Uint16Array(copy.buffer, copy.byteOffset, sizeOf(shape))), shape };
}

function readHeader(bytes: Uint8Array, where: string): Header {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 12 || !view.subarray(0, 6).equals(MAGIC)) {
    throw new DataError(`${where}: expected a .npy array, got ${view.length} bytes that do not start like one`);
  }
  const start = view[6] === 1 ? 10 : 12;
  const size = view[6] === 1 ? view.readUInt16LE(8) : view.readUInt32LE(8);
  if (view[6] < 1 || view[6] > 3 || size > MAX_HEADER || start + size > view.length) {
    throw new DataError(`${where}: expected a .npy header of version 1 to 3, got version ${view[6]}, ${size} bytes`);
  }
  return { ...parseDictionary(view.toString('latin1', start, start + size), where), offset: start + size };
}

function parseDictionary(text: string, where: string): Omit<Header, 'offset'> {
  const code = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const type = (Object.keys(CODES) as NpyType[]).find((name) => CODES[name] === code);
  if (!type) throw new DataError(`${where}: expected the dtype <f2 (float16) or <f4 (float32), got ${code ?? 'none'}`);
  if (!/'fortran_order':\s*False/.test(text)) {
    throw new DataError(`${where}: expected C order, got Fortran order: save it through numpy.ascontiguousarray`);
  }
  const list = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  const shape = list
    ?.split(',')
    .map((size) => size.trim())
    .filter((size) => size !== '')
    .map(Number);
  if (!shape || !Number.isSafeInteger(sizeOf(shape))) {
    throw new DataError(`${where}: expected a shape in the .npy header, got ${text.slice(0, 100).trim()}`);
  }
  return { type, shape };
}
