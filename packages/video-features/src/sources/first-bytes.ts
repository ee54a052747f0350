import { open } from 'node:fs/promises';

/** So many bytes tell a file's format. */
export const FIRST_BYTES = 16;

/** The first bytes of a file, fewer where it has fewer. */
export async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_BYTES), 0, FIRST_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
