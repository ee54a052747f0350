import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { WbdcError } from '@wbdc/io/errors';

/**
 * Lets `write` fill `<folder>.partial` and renames it when everything is there: the folder exists completely or not at
 * all. What an earlier crash left under the partial name is replaced.
 *
 * @throws WbdcError when the folder exists; the signal's reason when it was aborted
 */
export async function buildAside<T>(
  folder: string,
  signal: AbortSignal | undefined,
  write: (partial: string) => Promise<T>,
): Promise<T> {
  if (existsSync(folder)) {
    throw new WbdcError({
      where: folder,
      expected: 'no folder',
      got: 'one that exists',
      advice: 'remove it to build the data again, or choose another',
    });
  }
  signal?.throwIfAborted();
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  try {
    const result = await write(partial);
    signal?.throwIfAborted();
    await rename(partial, folder);
    return result;
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}
