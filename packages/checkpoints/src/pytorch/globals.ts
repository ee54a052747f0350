import { WbdcError } from '@wbdc/io/errors';
import type { SafetensorsDtype } from '../safetensors.js';

/** A run of values in the file, not yet read. */
export class StorageRef {
  constructor(
    readonly dtype: SafetensorsDtype,
    readonly key: string,
    /** Values in the storage. */
    readonly count: number,
    /** The part that is seen, in values: files of before 2020 may hold views. */
    readonly view: { readonly offset: number; readonly count: number },
  ) {
    Object.freeze(this); // the pickle's BUILD writes to whatever object it is given
  }
}

/** A tensor's place in a storage, in values. */
export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
  ) {
    Object.freeze(this);
  }
}

type Global = (...parts: unknown[]) => unknown;

const STORAGES: Readonly<Record<string, SafetensorsDtype>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const DIMENSIONS = 16;
const ENTRIES = 4096;

// Arrow functions cannot be constructed, and frozen ones cannot be written to: NEWOBJ and BUILD find nothing to do.
const storageTypes = new Map<unknown, SafetensorsDtype>(
  Object.values(STORAGES).map((dtype) => [
    Object.freeze(() => {
      throw new WbdcError('expected a storage to be referred to, got a call');
    }),
    dtype,
  ]),
);

const rebuildTensor: Global = (storage, offset, shape, stride) => {
  if (!(storage instanceof StorageRef)) throw new WbdcError('expected a tensor over a storage, got something else');
  if (!isCount(offset) || !isSizes(shape) || !isSizes(stride) || shape.length !== stride.length) {
    throw new WbdcError(`storage ${storage.key}: expected a tensor's offset, sizes and strides as whole numbers`);
  }
  return new TensorRef(storage, offset, Object.freeze([...shape]), Object.freeze([...stride]));
};

const rebuildParameter: Global = (tensor) => {
  if (tensor instanceof TensorRef) return tensor;
  throw new WbdcError('expected a parameter around a tensor, got something else');
};

const orderedDict: Global = (pairs = []) => {
  // A list may be handed in any number of times: small ones only. State dicts come empty and are filled afterwards.
  if (!Array.isArray(pairs) || pairs.length > ENTRIES || !pairs.every(isPair)) {
    throw new WbdcError(`expected an OrderedDict of at most ${ENTRIES} pairs`);
  }
  return new Map(pairs);
};

/**
 * A value that no tensor needs: a score by numpy beside the weights. It is not computed; writing to it does nothing.
 */
const SKIPPED = Object.freeze({ __setstate__: Object.freeze(() => undefined) });
const skipped: Global = () => SKIPPED;

const GLOBALS: ReadonlyMap<string, Global> = new Map<string, Global>([
  ['collections.OrderedDict', Object.freeze(orderedDict)],
  ['torch._utils._rebuild_tensor', Object.freeze(rebuildTensor)],
  ['torch._utils._rebuild_tensor_v2', Object.freeze(rebuildTensor)],
  ['torch._utils._rebuild_parameter', Object.freeze(rebuildParameter)],
  ['torch._utils._rebuild_parameter_with_state', Object.freeze(rebuildParameter)],
  // What `numpy.float64` is pickled as, in protocol 2 and in numpy 1 and 2.
  ...['numpy.dtype', 'numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar', '_codecs.encode'].map(
    (name): [string, Global] => [name, Object.freeze(skipped)],
  ),
  ...[...storageTypes.keys()].map((type, i): [string, Global] => [`torch.${Object.keys(STORAGES)[i]}`, type as Global]),
]);

/** The allow-list: any other name is an error that tells it. */
export function resolveGlobal(module: string, name: string): Global {
  const global = GLOBALS.get(`${module}.${name}`);
  if (global) return global;
  throw new WbdcError(
    `it refers to ${JSON.stringify(`${module}.${name}`)}, which is not part of plain weights and would ` +
      'run code in Python: save model.state_dict() alone, or convert the file to safetensors',
  );
}

/** A storage from its persistent id `('storage', type, key, device, count[, view])`. */
export function storageOf(id: unknown): StorageRef {
  const [tag, type, key, , count, view] = Array.isArray(id) ? (id as unknown[]) : [];
  const dtype = storageTypes.get(type);
  if (tag !== 'storage' || dtype === undefined || typeof key !== 'string' || !isCount(count)) {
    throw new WbdcError("expected a persistent id ('storage', type, key, device, count), got something else");
  }
  if (view === undefined || view === null) return new StorageRef(dtype, key, count, { offset: 0, count });
  const [, offset, size] = Array.isArray(view) ? (view as unknown[]) : [];
  if (!isCount(offset) || !isCount(size) || offset + size > count) {
    throw new WbdcError(`storage ${key}: expected a view inside its ${count} values`);
  }
  return new StorageRef(dtype, key, count, { offset, count: size });
}

function isPair(value: unknown): value is [unknown, unknown] {
  return Array.isArray(value) && value.length === 2;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= DIMENSIONS && value.every(isCount);
}
