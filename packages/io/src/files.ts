import { mkdir, open, readFile, readdir, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileError, FormatError, WbdcError } from './errors.js';

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

/**
 * The system's error in words, a {@link FileError}: what was tried, where, and what to do. Errors that are not the
 * system's, or in words already, stay as they are.
 */
export function fileError(action: string, path: string, cause: unknown): Error {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  const code = 'code' in error ? String(error.code) : '';
  if (error instanceof WbdcError || !/^E[A-Z]+$/.test(code)) return error;
  return new FileError(`cannot ${action} ${path}`, ADVICE[code] ?? error.message, code, { cause });
}

/** Whether an error says that a file or folder is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return (await statIfThere(path)) !== undefined;
}

/** The text of a UTF-8 file, or undefined where there is no such file. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError('read', path, error);
  }
}

/** Size in bytes of a file, or of all files below a folder; 0 where there is neither. */
export async function sizeOnDisk(path: string): Promise<number> {
  const status = await statIfThere(path);
  if (status === undefined) return 0;
  if (!status.isDirectory()) return status.size;
  const sizes = (await readdir(path)).map((name) => sizeOnDisk(join(path, name)));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** One system call moves at most 2 GiB. */
const CALL_LIMIT = 2 ** 30;

/**
 * Bytes `[start, start + length)` of an open file, in memory of their own.
 * @throws FormatError where the file ends before
 */
export async function readRange(file: FileHandle, start: number, length: number, path: string): Promise<Uint8Array> {
  if (!Number.isSafeInteger(start)) {
    throw new FormatError({ where: path, expected: 'an offset in the file', got: String(start) });
  }
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, Math.min(CALL_LIMIT, length - done), start + done);
    if (bytesRead === 0) {
      const [expected, got] = [`${start + length} bytes`, String(start + done)];
      throw new FormatError({ where: path, expected, got, advice: 'the file is cut' });
    }
    done += bytesRead;
  }
  return bytes;
}

/** Writes all of `bytes` into an open file, from byte `start` on. */
export async function writeRange(file: FileHandle, start: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(CALL_LIMIT, bytes.length - done);
    done += (await file.write(bytes, done, length, start + done)).bytesWritten;
  }
}

/** The JSON in a file. @throws WbdcError where it is none, FileError where the system refuses to read it */
export async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause) => Promise.reject(fileError('open', path, cause)));
  return parseJson(text, path);
}

/** The value of a JSON text. @param path of the file that it comes from. @throws WbdcError where it is no JSON */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const got = text.trim() === '' ? 'an empty file' : 'something else';
    throw new WbdcError({ where: path, expected: 'JSON', got }, { cause });
  }
}

/**
 * Makes a folder and those above it, where they are not there yet; gives the uppermost that it made.
 * @throws FileError
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  return mkdir(path, { recursive: true }).catch(async (cause) => {
    throw fileError('make the folder', path, isMissing(cause) ? await trueCause(path, cause) : cause);
  });
}

/** On a disk that is read-only, Node says that there is no such folder: the first that is to be made says why. */
async function trueCause(path: string, cause: unknown): Promise<unknown> {
  const parent = dirname(path);
  if (parent !== path && !(await exists(parent))) return trueCause(parent, cause);
  return mkdir(path).then(
    () => cause,
    (error: unknown) => error,
  );
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
