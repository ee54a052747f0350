import { isUtf8 } from 'node:buffer';
import type { ByteSource } from '../byte-source.js';
import { asBuffer } from '../bytes.js';
import { FormatError } from '../errors.js';
import { ZIP } from './format.js';

/** One entry of a central directory. */
export interface ZipEntry {
  readonly name: string;
  /** Where its local header starts. */
  readonly offset: number;
  readonly packedSize: number;
  readonly size: number;
  /** CRC-32 of the unpacked bytes. */
  readonly crc: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly encrypted: boolean;
}

/** Where a zip's central directory lies: bytes `[start, end)`. */
export interface ZipDirectory {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const FIELDS_64 = ['size', 'packedSize', 'offset'] as const;
const CHUNK = 4 << 20;

/**
 * Finds the central directory at the end of a zip, ZIP64 included. Nothing of it is read yet, so that a caller can
 * refuse one that is too large.
 * @throws FormatError when it is no zip, or is cut off
 */
export async function findDirectory(source: ByteSource): Promise<ZipDirectory> {
  const { size, path } = source;
  const tailSize = Math.min(size, ZIP.endSize + ZIP.full16 + ZIP.locatorSize);
  const tail = asBuffer(await source.read(size - tailSize, tailSize));
  const at = findEnd(tail);
  if (at < 0) {
    const got = `${size} bytes without a zip's end`;
    throw new FormatError({ where: path, expected: 'a zip', got, advice: 'is it complete?' });
  }
  const directory = (await readEnd64(source, tail, at)) ?? {
    count: tail.readUInt16LE(at + 10),
    start: tail.readUInt32LE(at + 16),
    end: tail.readUInt32LE(at + 16) + tail.readUInt32LE(at + 12),
  };
  const { start, end, count } = directory;
  if (start <= end && end <= size - ZIP.endSize && count * ZIP.centralSize <= end - start) return directory;
  const expected = `a zip with a directory of ${count} entries at ${start} to ${end}`;
  throw new FormatError({ where: path, expected, got: `${size} bytes`, advice: 'it is damaged' });
}

/** All entries of a zip whose directory fits into memory. */
export async function listEntries(source: ByteSource, directory?: ZipDirectory): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  await visitEntries(source, directory ?? (await findDirectory(source)), (entry) => entries.push(entry));
  return entries;
}

/**
 * Visits the entries of a central directory in chunks of 4 MB: no object an entry is left behind, which a million
 * entries ask for: 2.5 s where yauzl takes 47 (processor time, bench/src/read.ts).
 * @throws FormatError where the directory is damaged
 */
export async function visitEntries(
  source: ByteSource,
  { start, end, count }: ZipDirectory,
  visit: (entry: ZipEntry) => void,
): Promise<void> {
  const { path } = source;
  let rest: Buffer = Buffer.alloc(0);
  let seen = 0;
  for (let position = start; position < end; position += CHUNK) {
    const chunk = asBuffer(await source.read(position, Math.min(CHUNK, end - position)));
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let at = 0;
    for (let size = headerSize(bytes, at, path); size > 0 && seen < count; size = headerSize(bytes, at, path)) {
      visit(parseEntry(bytes, at, path));
      at += size;
      seen++;
    }
    rest = bytes.subarray(at);
  }
  if (seen === count && rest.length === 0) return;
  const got = `${seen} and ${rest.length} bytes`;
  throw new FormatError({ where: path, expected: `${count} entries in the zip's directory`, got });
}

/** Whole size of the header at a place, or 0 when the chunk ends inside it. */
function headerSize(bytes: Buffer, at: number, path: string): number {
  if (at + ZIP.centralSize > bytes.length) return 0;
  if (bytes.readUInt32LE(at) !== ZIP.central) {
    throw new FormatError({ where: path, expected: "an entry in the zip's directory", got: 'other bytes' });
  }
  const size =
    ZIP.centralSize + bytes.readUInt16LE(at + 28) + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  return at + size > bytes.length ? 0 : size;
}

/** What archivers of a Chinese Windows write names in, where they do not write UTF-8. */
const CHINESE = new TextDecoder('gb18030', { fatal: true });

/** A name as text; what is neither UTF-8 nor GB18030, byte by byte: no two names become one. */
function nameOf(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  try {
    return CHINESE.decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

function parseEntry(bytes: Buffer, at: number, path: string): ZipEntry {
  const nameEnd = at + ZIP.centralSize + bytes.readUInt16LE(at + 28);
  const entry = {
    name: nameOf(bytes.subarray(at + ZIP.centralSize, nameEnd)),
    encrypted: (bytes.readUInt16LE(at + 8) & ZIP.encrypted) !== 0,
    method: bytes.readUInt16LE(at + 10),
    crc: bytes.readUInt32LE(at + 16),
    packedSize: bytes.readUInt32LE(at + 20),
    size: bytes.readUInt32LE(at + 24),
    offset: bytes.readUInt32LE(at + 42),
  };
  const large = entry.size === ZIP.full32 || entry.packedSize === ZIP.full32 || entry.offset === ZIP.full32;
  if (large && !readField64(entry, bytes, nameEnd, nameEnd + bytes.readUInt16LE(at + 30))) {
    const where = `${path}: ${entry.name}`;
    throw new FormatError({ where, expected: 'a ZIP64 field', got: 'none, a short one or numbers beyond 2^53' });
  }
  return entry;
}

/**
 * Fills in from the extra fields what did not fit; they hold only those values, in this order. False if they lack one.
 */
function readField64(entry: Mutable<ZipEntry>, bytes: Buffer, extra: number, extraEnd: number): boolean {
  let at = extra;
  while (at + 4 <= extraEnd && bytes.readUInt16LE(at) !== 1) at += 4 + bytes.readUInt16LE(at + 2);
  if (at + 4 > extraEnd) return false;
  const end = Math.min(extraEnd, at + 4 + bytes.readUInt16LE(at + 2));
  at += 4;
  for (const field of FIELDS_64) {
    if (entry[field] !== ZIP.full32) continue;
    if (at + 8 > end) return false;
    entry[field] = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
    if (!Number.isSafeInteger(entry[field])) return false;
    at += 8;
  }
  return true;
}

/** The end record carries a comment of known length: only a place where that fits is the end. */
function findEnd(tail: Buffer): number {
  for (let at = tail.length - ZIP.endSize; at >= 0; at--) {
    const fits = tail[at] === 0x50 && tail.readUInt32LE(at) === ZIP.end;
    if (fits && at + ZIP.endSize + tail.readUInt16LE(at + 20) === tail.length) return at;
  }
  return -1;
}

async function readEnd64(source: ByteSource, tail: Buffer, at: number): Promise<ZipDirectory | undefined> {
  const locator = at - ZIP.locatorSize;
  if (locator < 0 || tail.readUInt32LE(locator) !== ZIP.locator64) return undefined;
  const position = Number(tail.readBigUInt64LE(locator + 8));
  const damaged = new FormatError({ where: source.path, expected: 'a zip with a ZIP64 end', got: 'other bytes' });
  if (position + ZIP.end64Size > source.size) throw damaged;
  const bytes = asBuffer(await source.read(position, ZIP.end64Size));
  if (bytes.readUInt32LE(0) !== ZIP.end64) throw damaged;
  const start = Number(bytes.readBigUInt64LE(48));
  return { count: Number(bytes.readBigUInt64LE(32)), start, end: start + Number(bytes.readBigUInt64LE(40)) };
}
