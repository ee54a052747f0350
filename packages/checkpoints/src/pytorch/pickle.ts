import { Parser } from 'pickleparser';
import { WbdcError } from '@wbdc/io/errors';
import { BoundedReader } from './bounded-reader.js';
import { resolveGlobal, storageOf, type StorageRef } from './globals.js';

/** A state dict's pickle has some 200 bytes per tensor; it holds no values. */
export const PICKLE_LIMIT = 8 * 2 ** 20;

const DAMAGED = 'expected what torch.save writes, got operations that do not fit: damaged; download it again';

/** A normal pickle takes milliseconds; a hostile one can make each of its bytes cost as much as all the others. */
const SECONDS = 10;

export interface Unpickled {
  readonly value: unknown;
  /** Where the pickle ends. */
  readonly end: number;
  /** All storages that it refers to, those of tensors that nobody asks for among them. */
  readonly storages: readonly StorageRef[];
}

/**
 * The object of a pickle as PyTorch writes it. Names resolve to the few functions of
 * `globals.ts`, which only note what a tensor is made of: nothing of the file is executed.
 */
export function unpickle(bytes: Uint8Array, start: number, where: string): Unpickled {
  const deadline = performance.now() + SECONDS * 1000;
  const reader = new BoundedReader(bytes, start, () => performance.now() < deadline);
  const storages: StorageRef[] = [];
  const resolveStorage = (id: unknown): StorageRef => {
    const storage = storageOf(id);
    storages.push(storage);
    return storage;
  };
  const parser = new Parser({
    nameResolver: { resolve: resolveGlobal },
    persistentResolver: { resolve: resolveStorage },
    unpicklingTypeOfDictionary: 'Map',
  });
  try {
    return { value: parser.read<unknown>(reader), end: reader.position, storages };
  } catch (cause) {
    // The parser trusts its stack: what a damaged pickle lacks there comes as an error of JavaScript itself.
    const ownFault = cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError;
    const reason = ownFault || !(cause instanceof Error) ? DAMAGED : cause.message;
    throw new WbdcError(`${where}: cannot read the pickle (byte ${reader.position}): ${reason}`, { cause });
  }
}
