import type { FileHandle } from 'node:fs/promises';
import { DataError } from '../files/data-error.js';
import { ZIP } from './zip-format.js';

/** One entry of a central directory. */
export interface DirectoryEntry {
  readonly name: string;
  /** Where its local header starts. */
  readonly offset: number;
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
}

interface Directory {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const FIELDS_64 = ['size', 'packedSize', 'offset'] as const;
const CHUNK = 4 << 20;

/** Reads exactly `length` bytes. */
export async function readExactly(file: FileHandle, start: number, length: number, path: string): Promise<Buffer> {
  if (!Number.isSafeInteger(start)) throw new DataError(`${path}: expected a place in the file, got ${start}`);
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, start + done);
    if (bytesRead === 0)
      throw new DataError(`${path}: expected ${length} bytes at ${start}, got ${done}: it is cut off`);
    done += bytesRead;
  }
  return bytes;
}

/**
 * Visits the entries of a zip's central directory, ZIP64 included, in chunks of 4 MB: no object an entry is left behind,
 * which a million entries ask for: 2.5 s where yauzl takes 47 (processor time, bench/read.mjs).
 */
export async function visitDirectory(
  file: FileHandle,
  path: string,
  visit: (entry: DirectoryEntry) => void,
): Promise<void> {
  const { start, end, count } = await findDirectory(file, path);
  let rest: Buffer = Buffer.alloc(0);
  let seen = 0;
  for (let position = start; position < end; position += CHUNK) {
    const chunk = await readExactly(file, position, Math.min(CHUNK, end - position), path);
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (let size = headerSize(bytes, at, path); size > 0 && seen < count; size = headerSize(bytes, at, path)) {
      visit(parseEntry(bytes, at, path));
      at += size;
      seen++;
    }
    rest = bytes.subarray(at);
  }
  if (seen !== count || rest.length > 0) {
    throw new DataError(
      `${path}: expected ${count} entries in the zip's directory, got ${seen} and ${rest.length} bytes`,
    );
  }
}

/** Whole size of the header at a place, or 0 when the chunk ends inside it. */
function headerSize(bytes: Buffer, at: number, path: string): number {
  if (at + ZIP.centralSize > bytes.length) return 0;
  if (bytes.readUInt32LE(at) !== ZIP.central)
    throw new DataError(`${path}: expected a zip entry, the directory is damaged`);
  const size =
    ZIP.centralSize + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  return at + size > bytes.length ? 0 : size;
}

function parseEntry(bytes: Buffer, at: number, path: string): DirectoryEntry {
  const nameEnd = at + ZIP.centralSize + bytes.readUInt16LE(at + 28);
  const name = bytes.toString('utf8', at + ZIP.centralSize, nameEnd);
  if (bytes.readUInt16LE(at + 8) & 1) {
    throw new DataError(`${path}: ${name}: expected a plain entry, got an encrypted one`);
  }
  const entry = {
    name,
    method: bytes.readUInt16LE(at + 10),
    crc: bytes.readUInt32LE(at + 16),
    packedSize: bytes.readUInt32LE(at + 20),
    size: bytes.readUInt32LE(at + 24),
    offset: bytes.readUInt32LE(at + 42),
  };
  const large = entry.size === ZIP.full32 || entry.packedSize === ZIP.full32 || entry.offset === ZIP.full32;
  if (large && !readField64(entry, bytes, nameEnd, nameEnd + bytes.readUInt16LE(at + 30))) {
    throw new DataError(`${path}: ${name}: expected a ZIP64 field, got none or a short one`);
  }
  return entry;
}

/** Fills in from the extra fields what did not fit; they hold only those values, in this order. False if they lack one. */
function readField64(entry: Mutable<DirectoryEntry>, bytes: Buffer, extra: number, extraEnd: number): boolean {
  let at = extra;
  while (at + 4 <= extraEnd && bytes.readUInt16LE(at) !== 1) at += 4 + bytes.readUInt16LE(at + 2);
  if (at + 4 > extraEnd) return false;
  const end = Math.min(extraEnd, at + 4 + bytes.readUInt16LE(at + 2));
  at += 4;
  for (const field of FIELDS_64) {
    if (entry[field] !== ZIP.full32) continue;
    if (at + 8 > end) return false;
    entry[field] = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
    at += 8;
  }
  return true;
}

async function findDirectory(file: FileHandle, path: string): Promise<Directory> {
  const fileSize = (await file.stat()).size;
  const tailSize = Math.min(fileSize, ZIP.endSize + ZIP.full16 + ZIP.locatorSize);
  const tail = await readExactly(file, fileSize - tailSize, tailSize, path);
  const at = findEnd(tail);
  if (at < 0)
    throw new DataError(`${path}: expected a zip, got ${fileSize} bytes without a zip's end: is it complete?`);
  const directory = (await readEnd64(file, tail, at, path)) ?? {
    count: tail.readUInt16LE(at + 10),
    start: tail.readUInt32LE(at + 16),
    end: tail.readUInt32LE(at + 16) + tail.readUInt32LE(at + 12),
  };
  const { start, end, count } = directory;
  if (!(start <= end && end <= fileSize - ZIP.endSize && count * ZIP.centralSize <= end - start)) {
    throw new DataError(
      `${path}: expected a directory of ${count} entries at ${start} to ${end}, got ${fileSize} bytes`,
    );
  }
  return directory;
}

/** The end record carries a comment of known length: only a place where that fits is the end. */
function findEnd(tail: Buffer): number {
  for (let at = tail.length - ZIP.endSize; at >= 0; at--) {
    const fits = tail[at] === 0x50 && tail.readUInt32LE(at) === ZIP.end;
    if (fits && at + ZIP.endSize + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  return -1;
}

async function readEnd64(file: FileHandle, tail: Buffer, at: number, path: string): Promise<Directory | undefined> {
  const locator = at - ZIP.locatorSize;
  if (locator < 0 || tail.readUInt32LE(locator) !== ZIP.locator64) return undefined;
  const bytes = await readExactly(file, Number(tail.readBigUInt64LE(locator + 8)), ZIP.end64Size, path);
  if (bytes.readUInt32LE(0) !== ZIP.end64) throw new DataError(`${path}: expected a ZIP64 end, the zip is damaged`);
  const start = Number(bytes.readBigUInt64LE(48));
  return { count: Number(bytes.readBigUInt64LE(32)), start, end: start + Number(bytes.readBigUInt64LE(40)) };
}
