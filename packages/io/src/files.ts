import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space or choose another folder',
  EDQUOT: 'the disk quota is used up: free some space or choose another folder',
  EACCES: 'no permission: choose another folder or change its rights',
  EPERM: 'no permission: choose another folder or change its rights',
  EROFS: 'the disk is read-only: choose another folder',
  ENOENT: 'no such file or folder: check the path',
  EISDIR: 'a folder stands there: expected a file',
  ENOTDIR: 'a part of the path is a file: expected a folder',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
};

/** The system's error in words: what was tried, where, and what to do. Other errors stay as they are. */
export function fileError(action: string, path: string, cause: unknown): Error {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = 'code' in error ? String(error.code) : '';
  if (!/^E[A-Z]+$/.test(code)) return error;
  return Object.assign(new Error(`cannot ${action} ${path}: ${ADVICE[code] ?? error.message}`, { cause }), { code });
}

/**
 * Writes a file whole or not at all: under a temporary name beside it, flushed to the disk, then renamed. On an error
 * the file that stood there before stays.
 */
export async function writeFileAtomic(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      for await (const chunk of chunks) await writeAll(file, chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
    throw fileError('write', path, cause);
  }
}

/** Makes renames inside a folder last through a power cut, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** One system call moves at most 2 GiB. */
const PIECE = 2 ** 30;

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done, Math.min(PIECE, chunk.length - done));
    done += bytesWritten;
  }
}

/** Bytes `[start, start + length)` of an open file. */
export async function readRange(file: FileHandle, start: number, length: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, Math.min(PIECE, length - done), start + done);
    if (bytesRead === 0)
      throw new Error(`${path}: expected ${start + length} bytes, got ${start + done}: the file is cut`);
    done += bytesRead;
  }
  return bytes;
}

/** The JSON in a file. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause) => Promise.reject(fileError('open', path, cause)));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path}: expected JSON, got something else`, { cause });
  }
}

/** Makes a folder and those above it, where they are not there yet. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause) => Promise.reject(fileError('make the folder', path, cause)));
}
