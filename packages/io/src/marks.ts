import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from './atomic-file.js';
import { openBytes } from './bytes.js';
import { FormatError } from './errors.js';
import { exists, fileError, isMissing, readIfThere } from './files.js';
import { findDirectory, visitEntries } from './zip/directory.js';

/** What a file held, and what the system said of it then. */
export interface FileMark {
  /** Of its contents, see {@link contentHash}; {@link NO_FILE} where there was none. */
  readonly hash: string;
  readonly size: number;
  /** Milliseconds of the last change of the contents (mtime), which anyone may set. */
  readonly modified: number;
  /** Milliseconds of the last change of contents, name, owner or times (ctime), which the system alone sets. */
  readonly changed: number;
  /** Whether it had been at rest for so long that a later change has another time for certain. */
  readonly settled: boolean;
}

/** By path, relative to a folder. */
export type FileMarks = ReadonlyMap<string, FileMark>;

/** The hash of a file that is not there. */
export const NO_FILE = '-';

/** The coarsest times that file systems keep are of 2 seconds (FAT); a margin for the clocks of file servers. */
const AT_REST_MS = 5000;

const AT_A_TIME = 32;

export interface MarkOptions {
  /** Marks from before: a file with the same size and times is not read again. */
  readonly known?: FileMarks | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default {@link contentHash}. */
  readonly hash?: (path: string) => Promise<string>;
}

/**
 * Marks files, in the order of their names. Contents decide; times only spare reading them again: a file is taken for
 * unchanged without a look into it where size, mtime and ctime are those of a mark that was made when it was at rest.
 * So a `touch` changes nothing but costs a reading, and an edit that restores size and mtime is seen by its ctime. What
 * stays unseen is an edit on a file system whose ctime can be set or is not kept.
 */
export async function markFiles(
  root: string,
  names: Iterable<string>,
  { known, signal, hash = contentHash }: MarkOptions = {},
): Promise<Map<string, FileMark>> {
  const list = [...names];
  const marks = new Array<FileMark>(list.length);
  const absent = new AbsentFolders(root);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < list.length) {
      signal?.throwIfAborted();
      const at = next++;
      const path = join(root, list[at]);
      if (absent.hold(path)) {
        marks[at] = ABSENT;
        continue;
      }
      marks[at] = await markOf(path, known?.get(list[at]), hash);
      if (marks[at] === ABSENT) await absent.look(path);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, list.length) }, work));
  return new Map(list.map((name, i) => [name, marks[i]]));
}

const ABSENT: FileMark = { hash: NO_FILE, size: 0, modified: 0, changed: 0, settled: true };

/**
 * Folders that are not there: a data set of words alone names the frames of a quarter of a million videos, and to ask
 * for each of them takes longer than to read them all.
 */
class AbsentFolders {
  readonly #known = new Set<string>();

  constructor(private readonly root: string) {}

  /** Whether a file can only be missing. */
  hold(path: string): boolean {
    if (this.#known.size === 0) return false;
    for (let folder = dirname(path); folder.length > this.root.length; folder = dirname(folder))
      if (this.#known.has(folder)) return true;
    return false;
  }

  /** Looks why a file is missing. */
  async look(path: string): Promise<void> {
    for (let folder = dirname(path); folder.length > this.root.length; folder = dirname(folder)) {
      if (this.#known.has(folder) || (await exists(folder))) return;
      this.#known.add(folder);
    }
  }
}

async function markOf(
  path: string,
  known: FileMark | undefined,
  hash: (path: string) => Promise<string>,
): Promise<FileMark> {
  const now = Date.now();
  const status = await stat(path).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw fileError('look at', path, error);
  });
  if (status === undefined) return ABSENT;
  const { size, mtimeMs: modified, ctimeMs: changed } = status;
  const same = known?.size === size && known.modified === modified && known.changed === changed;
  if (same && known.settled) return known;
  const settled = Math.max(modified, changed) < now - AT_REST_MS;
  return { hash: await hash(path), size, modified, changed, settled };
}

/**
 * A hash of a file's contents. Of a zip, that of its directory (names, sizes and CRC-32 of its entries), which costs a
 * read of a few kilobytes whatever its size; of anything else, and of a damaged zip, SHA-256 of all bytes, shortened.
 */
export async function contentHash(path: string): Promise<string> {
  if (!/\.zip$/i.test(path)) return bytesHash(path);
  return zipHash(path).catch((error: unknown) => {
    if (error instanceof FormatError) return bytesHash(path);
    throw error;
  });
}

async function bytesHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  return short(hash.digest('hex'));
}

async function zipHash(path: string): Promise<string> {
  const source = await openBytes(path);
  try {
    const hash = createHash('sha256');
    await visitEntries(source, await findDirectory(source), ({ name, size, crc }) => {
      hash.update(`${name}\n${size} ${crc}\n`);
    });
    return short(hash.digest('hex'));
  } finally {
    await source.close();
  }
}

/** 128 bits. */
function short(hex: string): string {
  return hex.slice(0, 32);
}

/** Keeps marks in a file, a line each. */
export function writeMarks(path: string, marks: FileMarks): Promise<void> {
  return writeFileAtomic(path, lines(marks));
}

function* lines(marks: FileMarks): Generator<string> {
  for (const [name, { hash, size, modified, changed, settled }] of marks) {
    yield `${hash}\t${size}\t${modified}\t${changed}\t${settled ? 1 : 0}\t${JSON.stringify(name)}\n`;
  }
}

/** The marks of {@link writeMarks}; a line that cannot be read is left out, and its file is read again. */
export async function readMarks(path: string): Promise<Map<string, FileMark>> {
  const marks = new Map<string, FileMark>();
  for (const line of ((await readIfThere(path)) ?? '').split('\n')) {
    const match = /^(\S+)\t(\d+)\t([\d.]+)\t([\d.]+)\t([01])\t(".*")$/.exec(line);
    if (!match) continue;
    const [, hash, size, modified, changed, settled, name] = match;
    const times = { modified: Number(modified), changed: Number(changed) };
    try {
      marks.set(JSON.parse(name) as string, { hash, size: Number(size), ...times, settled: settled === '1' });
    } catch {
      // a damaged line
    }
  }
  return marks;
}
