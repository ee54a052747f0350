import { open, type FileHandle } from 'node:fs/promises';
import { fileError } from './files.js';

const NEWLINE = 0x0a;
const BLOCK = 1 << 16;

/**
 * Adds a line to a file, which is made where it is missing: on the disk when this returns, whole or not at all. A last
 * line that something else has cut is closed first, so that it spoils none but itself.
 *
 * @param line without its end
 */
export async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, 'a+').catch((cause) => Promise.reject(fileError('write', path, cause)));
  try {
    const { size } = await file.stat();
    const start = size === 0 || (await lineEnd(file, size)) === size ? '' : '\n';
    try {
      await file.appendFile(`${start}${line}\n`);
      await file.sync();
    } catch (error) {
      await file.truncate(size).catch(() => undefined); // the first error is the one to tell
      throw error;
    }
  } catch (cause) {
    throw fileError('write', path, cause);
  } finally {
    await file.close();
  }
}

/** How far the whole lines of a file reach, and what stands behind them: half a line that an interruption has left. */
export async function wholeLinesOf(path: string): Promise<{ readonly end: number; readonly rest: Buffer }> {
  const file = await open(path, 'r').catch((cause) => Promise.reject(fileError('read', path, cause)));
  try {
    const { size } = await file.stat();
    const end = await lineEnd(file, size);
    const rest = Buffer.alloc(size - end);
    await file.read(rest, 0, rest.length, end);
    return { end, rest };
  } catch (cause) {
    throw fileError('read', path, cause);
  } finally {
    await file.close();
  }
}

/** Bytes up to the last end of a line, with it; read from behind, so that the size of the file does not matter. */
async function lineEnd(file: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(Math.min(BLOCK, size));
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const at = block.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (at >= 0) return start + at + 1;
    end = start;
  }
  return 0;
}
