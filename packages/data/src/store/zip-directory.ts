import type { FileHandle } from 'node:fs/promises';
import { DataError } from '../files/data-error.js';
import { ZIP } from './zip-writer.js';

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
 * The entries of a zip's central directory, ZIP64 included, in chunks of 4 MB: a million entries in well under a second
 * and no object left behind. yauzl needs some ten times that for the same (bench/): hence a reader of our own.
 */
export async function* readDirectory(file: FileHandle, path: string): AsyncGenerator<DirectoryEntry> {
  const { start, end, count } = await findDirectory(file, path);
  let rest: Buffer = Buffer.alloc(0);
  let seen = 0;
  for (let position = start; position < end; position += CHUNK) {
    const chunk = await readExactly(file, position, Math.min(CHUNK, end - position), path);
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (let size = headerSize(bytes, at, path); size > 0 && seen < count; size = headerSize(bytes, at, path)) {
      yield parseEntry(bytes, at, path);
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
  if (bytes.readUInt16LE(at + 8) & 1)
    throw new DataError(`${path}: ${name}: expected a plain entry, got an encrypted one`);
  const size = bytes.readUInt32LE(at + 24);
  const packedSize = bytes.readUInt32LE(at + 20);
  const offset = bytes.readUInt32LE(at + 42);
  const common = { name, crc: bytes.readUInt32LE(at + 16), method: bytes.readUInt16LE(at + 10) };
  if (![size, packedSize, offset].includes(ZIP.full32)) return { ...common, size, packedSize, offset };
  const field = findField64(bytes.subarray(nameEnd, nameEnd + bytes.readUInt16LE(at + 30)));
  // The field holds only those values that do not fit, in this order.
  const [large, largePacked, far] = [size, packedSize, offset].map((value) =>
    value === ZIP.full32 ? takeNumber(field, `${path}: ${name}`) : value,
  );
  return { ...common, size: large, packedSize: largePacked, offset: far };
}

interface Field64 {
  readonly bytes: Buffer;
  at: number;
}

function findField64(extra: Buffer): Field64 {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === 1)
      return { bytes: extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2)), at: 0 };
  }
  return { bytes: Buffer.alloc(0), at: 0 };
}

function takeNumber(field: Field64, where: string): number {
  if (field.at + 8 > field.bytes.length) throw new DataError(`${where}: expected a ZIP64 field, got none`);
  field.at += 8;
  return Number(field.bytes.readBigUInt64LE(field.at - 8));
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
