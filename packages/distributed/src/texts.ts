import { WbdcError } from '@wbdc/io/errors';
import type { Communicator } from './communicator.js';

/** What every process of the job says, by rank: JSON values, alike or not. */
export async function gatherValues<T>(communicator: Communicator, value: T): Promise<T[]> {
  if (communicator.size === 1) return [value];
  const parts = await communicator.allGatherParts(new TextEncoder().encode(JSON.stringify(value ?? null)));
  return parts.map((part) => JSON.parse(new TextDecoder().decode(part)) as T);
}

/**
 * What rank 0 makes, for every process: a JSON value. Where it fails there, it fails on all, with the same message.
 */
export async function fromRoot<T>(communicator: Communicator, make: () => T | Promise<T>): Promise<T> {
  if (communicator.size === 1) return make();
  if (communicator.rank === 0) {
    try {
      const value = await make();
      await gatherValues<Told<T> | null>(communicator, { value });
      return value;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await gatherValues<Told<T> | null>(communicator, { message });
      throw error;
    }
  }
  const [told] = await gatherValues<Told<T> | null>(communicator, null);
  if (told && 'message' in told) throw new RootError(told.message);
  return told?.value as T;
}

type Told<T> = { readonly value: T } | { readonly message: string };

/** What failed on rank 0, which tells of it: the others have nothing to add. */
export class RootError extends WbdcError {
  override readonly name = 'RootError';
}
