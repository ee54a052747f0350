import { WbdcError } from '@wbdc/io/errors';
import { sizeOf } from '@wbdc/nn';
import { BYTES_PER_VALUE, type SafetensorsDtype } from '../safetensors.js';
import { TensorRef, type StorageRef } from './globals.js';

/** A tensor of a PyTorch file: its values lie in `[start, start + span * bytes)` of the file, apart by the strides. */
export interface PytorchTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** In values. */
  readonly stride: readonly number[];
  /** First byte in the file. */
  readonly start: number;
  /** Values from the first to behind the last. */
  readonly span: number;
}

/** Names under which programs keep a state dict beside the epoch, a score or the optimizer's state. */
const ENTRIES = ['state_dict', 'model_state_dict', 'model', 'module', 'net'];
const DEPTH = 3;
const SHOWN = 5;

/**
 * Name and tensor of a state dict as it came out of the pickle, or of the one in a checkpoint's dict.
 *
 * @param entry its name there, where it is none of the usual ones
 */
export function stateDict(value: unknown, where: string, entry?: string): Map<string, TensorRef> {
  if (entry !== undefined) return tensorsOf(value instanceof Map ? value.get(entry) : undefined, `${where}: ${entry}`);
  let found = value;
  for (let depth = 0; depth < DEPTH && found instanceof Map; depth++) {
    const dict: ReadonlyMap<unknown, unknown> = found;
    const name = ENTRIES.find((candidate) => dict.get(candidate) instanceof Map);
    if (name === undefined) break;
    found = dict.get(name);
  }
  return tensorsOf(found, where);
}

function tensorsOf(value: unknown, where: string): Map<string, TensorRef> {
  if (!(value instanceof Map))
    throw new WbdcError(`${where}: expected a state dict (name to tensor), got ${kindOf(value)}`);
  for (const [name, tensor] of value) {
    if (typeof name === 'string' && tensor instanceof TensorRef) continue;
    const key = typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : kindOf(name);
    const dicts = stateDictsIn(value);
    const advice =
      dicts.length === 0 ? 'save model.state_dict() alone' : `name one of its entries: ${dicts.join(', ')}`;
    throw new WbdcError(
      `${where}: expected a state dict (name to tensor), got ${kindOf(tensor)} under ${key}: ${advice}`,
    );
  }
  return new Map(value as Map<string, TensorRef>); // a map of ours: the pickle's BUILD can give its own any property
}

/** Names of state dicts in a dict, by their first values: a stranger's file may hold any number of any size. */
function stateDictsIn(dict: ReadonlyMap<unknown, unknown>): string[] {
  const names: string[] = [];
  for (const [name, value] of dict) {
    if (typeof name !== 'string' || !(value instanceof Map)) continue;
    if (value.values().next().value instanceof TensorRef) names.push(name.slice(0, 80));
    if (names.length === SHOWN) break;
  }
  return names;
}

/** Types and element counts of all storages; one key is one storage. */
export function storagesOf(all: Iterable<StorageRef>, where: string): Map<string, StorageRef> {
  const storages = new Map<string, StorageRef>();
  for (const storage of all) {
    const known = storages.get(storage.key) ?? storage;
    if (known.dtype !== storage.dtype || known.count !== storage.count) {
      throw new WbdcError(
        `${where}: storage ${storage.key}: expected ${known.count} x ${known.dtype} everywhere, got another`,
      );
    }
    storages.set(storage.key, known);
  }
  return storages;
}

/** Where a tensor's values are; checks that they lie inside its storage, which starts at this byte. */
export function locate(
  name: string,
  { storage, offset, shape, stride }: TensorRef,
  start: number,
  where: string,
): PytorchTensor {
  const { dtype, view } = storage;
  const count = sizeOf(shape);
  const span = count === 0 ? 0 : 1 + shape.reduce((last, size, axis) => last + (size - 1) * stride[axis], 0);
  // As many values as the storage has at most: an expanded tensor of one value could claim any amount of memory.
  if (!(count <= view.count && offset + span <= view.count)) {
    throw new WbdcError(
      `${where}: tensor '${name}': expected [${shape.join(', ')}] with strides [${stride.join(', ')}] ` +
        `from ${offset} to lie in a storage of ${view.count} values; ` +
        'the file is damaged, or the tensor was expanded (save a contiguous copy)',
    );
  }
  return { name, dtype, shape, stride, start: start + (view.offset + offset) * BYTES_PER_VALUE[dtype], span };
}

/** The bytes of a tensor's values in row-major order, from those of its span. */
export function gather({ dtype, shape, stride }: PytorchTensor, bytes: Uint8Array): Uint8Array {
  const size = BYTES_PER_VALUE[dtype];
  const rows = sizeOf(shape) * size;
  if (isContiguous(shape, stride)) return bytes;
  const result = new Uint8Array(rows);
  let written = 0;
  const copy = (axis: number, from: number): void => {
    if (axis === shape.length) {
      for (let i = 0; i < size; i++) result[written++] = bytes[from * size + i];
      return;
    }
    for (let i = 0; i < shape[axis]; i++) copy(axis + 1, from + i * stride[axis]);
  };
  copy(0, 0);
  return result;
}

function isContiguous(shape: readonly number[], stride: readonly number[]): boolean {
  return shape.every((size, axis) => size === 1 || stride[axis] === sizeOf(shape.slice(axis + 1)));
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Map) return 'a dict';
  if (Array.isArray(value)) return 'a list';
  return value instanceof TensorRef ? 'a tensor' : typeof value === 'object' ? 'no tensor' : `a ${typeof value}`;
}
