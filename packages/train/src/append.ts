import type { FileHandle } from 'node:fs/promises';

/**
 * Appends to a file that is open for appending, whole or not at all: what a full disk still had room for is taken back,
 * so that records that come later, when there is room again, follow a whole one.
 */
export async function wholeAppends(file: FileHandle): Promise<(contents: string | Uint8Array) => Promise<void>> {
  let { size } = await file.stat();
  return async (contents) => {
    const bytes = typeof contents === 'string' ? Buffer.from(contents) : contents;
    try {
      await file.appendFile(bytes);
      size += bytes.length;
    } catch (error) {
      await file.truncate(size).catch(() => undefined); // the first error is the one to tell
      throw error;
    }
  };
}
