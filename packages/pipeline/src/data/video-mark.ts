import { createHash, type Hash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemFile } from '@wbdc/io';

/** Bytes that are read of each end of a file: there a container keeps its index, and a picture its header. */
const END_BYTES = 4096;

/**
 * By what a video is known again: name, size and both ends of its file, or of every file in its folder. Another one of
 * the same size and time has another mark, unless it differs in the middle alone.
 */
export async function videoMark(path: string): Promise<string> {
  const hash = createHash('sha256');
  if ((await stat(path)).isDirectory()) {
    const entries = await readdir(path);
    for (const name of entries.filter((entry) => !isSystemFile(entry)).sort()) {
      const file = join(path, name);
      if ((await stat(file)).isDirectory()) continue;
      hash.update(`${JSON.stringify(name)}\n`);
      await addEnds(hash, file);
    }
  } else await addEnds(hash, path);
  return hash.digest('hex').slice(0, 32);
}

async function addEnds(hash: Hash, path: string): Promise<void> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    hash.update(`${size}\n`);
    const buffer = Buffer.alloc(END_BYTES);
    for (const from of size <= END_BYTES ? [0] : [0, size - END_BYTES]) {
      const { bytesRead } = await file.read(buffer, 0, END_BYTES, from);
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
