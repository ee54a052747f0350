import { crc32, inflateRawSync } from 'node:zlib';
import type { ByteSource } from '../byte-source.js';
import { asBuffer } from '../bytes.js';
import { FormatError } from '../errors.js';
import type { ZipEntry } from './directory.js';
import { STORED, ZIP } from './format.js';

/** Where an entry lies, and what it should unpack to. */
export type EntryLocation = Pick<ZipEntry, 'offset' | 'packedSize' | 'size' | 'crc' | 'method'>;

/** Bytes behind the fixed local header that are read on suspicion, for name and extra fields. */
const SLACK = 128;

/**
 * The unpacked bytes of an entry, stored or deflated, never more than it declares; its sizes and CRC-32 are checked.
 * The caller has looked at its method, that it is not encrypted, and that its sizes can be afforded. Libraries on npm
 * that unpack from memory hide the checksum.
 *
 * @param where names the entry in errors
 * @throws FormatError with the code `zip-entry`, `zip-deflate`, `zip-size` or `zip-checksum`
 */
export async function readEntry(source: ByteSource, entry: EntryLocation, where: string): Promise<Uint8Array> {
  const { size, crc, method } = entry;
  const packed = await readPacked(source, entry, where);
  const bytes = method === STORED ? packed : inflate(packed, size, where);
  if (bytes.length !== size) {
    throw new FormatError({ where, expected: `${size} bytes`, got: `${bytes.length} unpacked`, code: 'zip-size' });
  }
  const actual = crc32(bytes);
  if (actual === crc) return bytes;
  const [expected, got] = [`${size} bytes with CRC ${crc}`, `${bytes.length} with ${actual}`];
  const advice = 'the entry is damaged, make it again';
  throw new FormatError({ where, expected, got, advice, code: 'zip-checksum' });
}

/** First byte of an entry's data: only its local header says how long that header is. */
export async function entryStart(
  source: ByteSource,
  entry: Pick<ZipEntry, 'offset' | 'packedSize'>,
  where: string,
): Promise<number> {
  assertInside(source, entry.offset, ZIP.localSize, where);
  const header = asBuffer(await source.read(entry.offset, ZIP.localSize));
  const start = entry.offset + localHeaderSize(header, entry.offset, where);
  assertInside(source, start, entry.packedSize, where);
  return start;
}

/** Local header and data in one read: the length of the name and extra fields is only known afterwards. */
async function readPacked(
  source: ByteSource,
  { offset, packedSize }: EntryLocation,
  where: string,
): Promise<Uint8Array> {
  assertInside(source, offset, ZIP.localSize, where);
  const room = Math.min(ZIP.localSize + SLACK + packedSize, source.size - offset);
  const bytes = asBuffer(await source.read(offset, room));
  const start = localHeaderSize(bytes, offset, where);
  if (start + packedSize <= bytes.length) return bytes.subarray(start, start + packedSize);
  assertInside(source, offset + start, packedSize, where);
  return source.read(offset + start, packedSize);
}

function localHeaderSize(header: Buffer, offset: number, where: string): number {
  if (header.readUInt32LE(0) === ZIP.local) {
    return ZIP.localSize + header.readUInt16LE(26) + header.readUInt16LE(28);
  }
  throw new FormatError({ where, expected: `a zip entry at byte ${offset}`, got: 'other bytes', code: 'zip-entry' });
}

function assertInside({ size }: ByteSource, start: number, length: number, where: string): void {
  if (start + length <= size) return;
  const [expected, got] = [`${length} bytes from byte ${start} on`, `${Math.max(0, size - start)}`];
  throw new FormatError({ where, expected, got, advice: 'the zip is cut off or damaged', code: 'zip-entry' });
}

function inflate(packed: Uint8Array, size: number, where: string): Uint8Array {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    const got = (cause as Error).message;
    throw new FormatError({ where, expected: `deflated data of ${size} bytes`, got, code: 'zip-deflate' }, { cause });
  }
}
