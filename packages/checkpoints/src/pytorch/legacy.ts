import type { ByteSource } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { BYTES_PER_VALUE } from '../safetensors.js';
import { PICKLE_LIMIT, unpickle } from './pickle.js';
import { locate, stateDict, storagesOf, type PytorchTensor } from './state-dict.js';

/**
 * The long number 0x1950a86a20f9469cfc6c and the end of its pickle (opcodes LONG1 and STOP), with which `torch.save`
 * began before PyTorch 1.6.
 */
const MAGIC = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const PROTOCOL = 1001;
/** Opcodes; a frame's is followed by its length, in 8 bytes. */
const [PROTO, FRAME] = [0x80, 0x95];

/** Where the pickle of the magic number ends, of any protocol from 2 on; nothing where the file begins otherwise. */
function endOfMagic(head: Uint8Array): number | undefined {
  if (head[0] !== PROTO || head[1] < 2 || head[1] > 5) return undefined;
  const start = head[2] === FRAME ? 11 : 2;
  return MAGIC.every((byte, i) => head[start + i] === byte) ? start + MAGIC.length : undefined;
}

export function isLegacy(head: Uint8Array): boolean {
  return endOfMagic(head) !== undefined;
}

/**
 * The format before PyTorch 1.6 (`torch/serialization.py`, `_legacy_save`): five pickles one after another - magic
 * number, protocol, machine, object, keys of storages - then each storage as a 64-bit count and its raw values.
 */
export async function readLegacy(source: ByteSource, entry?: string): Promise<Map<string, PytorchTensor>> {
  const { path, size } = source;
  const head = await source.read(0, Math.min(size, PICKLE_LIMIT));
  const protocol = unpickle(head, endOfMagic(head)!, path);
  if (protocol.value !== PROTOCOL)
    throw new WbdcError(
      `${path}: expected protocol ${PROTOCOL}, got ${typeof protocol.value === 'number' ? protocol.value : 'another'}`,
    );
  const machine = unpickle(head, protocol.end, path);
  if (!(machine.value instanceof Map) || new Map(machine.value).get('little_endian') !== true) {
    throw new WbdcError(`${path}: expected little-endian values`);
  }
  const object = unpickle(head, machine.end, path);
  const keys = unpickle(head, object.end, path);
  const tensors = stateDict(object.value, path, entry);
  const storages = storagesOf(object.storages, path);
  const order = Array.isArray(keys.value) ? [...(keys.value as unknown[])] : [];
  if (order.length !== storages.size || new Set(order).size !== storages.size) {
    throw new WbdcError(`${path}: expected the keys of ${storages.size} storages, got others`);
  }
  const starts = new Map<unknown, number>();
  let position = keys.end;
  for (const key of order) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage) throw new WbdcError(`${path}: expected the key of a storage, got another`);
    const end = position + 8 + storage.count * BYTES_PER_VALUE[storage.dtype];
    if (end > size)
      throw new WbdcError(`${path}: expected ${end} bytes, got ${size}: the file is cut; download it again`);
    const { buffer, byteOffset } = await source.read(position, 8);
    const count = new DataView(buffer, byteOffset).getBigInt64(0, true);
    if (count !== BigInt(storage.count)) {
      throw new WbdcError(
        `${path}: storage ${storage.key}: expected ${storage.count} values, got ${count}: the file is damaged`,
      );
    }
    starts.set(storage.key, position + 8);
    position = end;
  }
  return new Map([...tensors].map(([name, ref]) => [name, locate(name, ref, starts.get(ref.storage.key)!, path)]));
}
