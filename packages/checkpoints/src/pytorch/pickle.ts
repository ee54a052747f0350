import { Parser } from 'pickleparser';
import { BoundedReader } from './bounded-reader.js';
import { resolveGlobal, storageOf } from './globals.js';

/** A state dict's pickle has some 200 bytes per tensor; it holds no values. */
export const PICKLE_LIMIT = 8 * 2 ** 20;

/** A normal pickle takes milliseconds; a hostile one can make each of its bytes cost as much as all the others. */
const SECONDS = 10;

/**
 * The object of a pickle as PyTorch writes it, and where the pickle ends. Names resolve to the few functions of
 * `globals.ts`, which only note what a tensor is made of: nothing of the file is executed.
 */
export function unpickle(bytes: Uint8Array, start: number, where: string): { value: unknown; end: number } {
  const deadline = performance.now() + SECONDS * 1000;
  const reader = new BoundedReader(bytes, start, () => performance.now() < deadline);
  const parser = new Parser({
    nameResolver: { resolve: resolveGlobal },
    persistentResolver: { resolve: storageOf },
    unpicklingTypeOfDictionary: 'Map',
  });
  try {
    return { value: parser.read<unknown>(reader), end: reader.position };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${where}: cannot read the pickle (byte ${reader.position}): ${reason}`, { cause });
  }
}
