import { Inflate } from 'fflate';
import { FormatError } from '@wbdc/io/errors';

/** Sizes and signatures of the ZIP format (PKWARE APPNOTE 6.3.10). */
const LOCAL = { signature: 0x04034b50, size: 30 };
const CENTRAL = { signature: 0x02014b50, size: 46 };
const END = { signature: 0x06054b50, size: 22 };
const LONGEST_COMMENT = 0xffff;

/** Packed bytes that are unpacked at once: deflate makes at most 1,032 of each, which bounds what comes too much. */
const CHUNK = 1 << 14;

interface Entry {
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * One file out of a zip in memory: what it claims is compared with the bounds before anything is unpacked, never more
 * is unpacked than it claims, and its CRC-32 is checked. Runs in a browser; files are read with `@wbdc/io/zip`.
 *
 * @throws FormatError
 */
export function unzipFile(zip: Uint8Array, name: string, maxBytes: number): Uint8Array {
  const entry = findEntry(zip, name);
  const where = `submission: ${name}`;
  if (entry.encrypted || (entry.method !== 0 && entry.method !== 8)) {
    const got = entry.encrypted ? 'an encrypted one' : `method ${entry.method}`;
    throw new FormatError({ where, expected: 'a stored or deflated file', got });
  }
  if (entry.size > maxBytes) {
    throw new FormatError({ where, expected: `at most ${maxBytes} bytes unpacked`, got: String(entry.size) });
  }
  const packed = packedBytes(zip, entry);
  const bytes = entry.method === 0 ? packed : inflate(packed, entry.size, where);
  if (bytes.length !== entry.size) {
    throw new FormatError({ where, expected: `${entry.size} bytes`, got: `${bytes.length} unpacked` });
  }
  if (crc32(bytes) !== entry.crc) {
    const got = 'other bytes';
    throw new FormatError({ where, expected: 'the bytes of its checksum (CRC-32)', got, advice: 'it is damaged' });
  }
  return bytes;
}

function damaged(cause?: unknown): FormatError {
  const got = 'something else or a damaged one';
  return new FormatError({ where: 'submission', expected: 'a zip with result.json', got }, { cause });
}

/** The entry of a name, out of the directory at the zip's end. ZIP64 starts where no submission goes. */
function findEntry(zip: Uint8Array, name: string): Entry {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  const end = findEnd(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const found: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL.size > end || view.getUint32(at, true) !== CENTRAL.signature) throw damaged();
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    if (isText(zip.subarray(at + CENTRAL.size, at + CENTRAL.size + nameLength), name)) {
      found.push({
        encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
        method: view.getUint16(at + 10, true),
        crc: view.getUint32(at + 16, true),
        packedSize: view.getUint32(at + 20, true),
        size: view.getUint32(at + 24, true),
        offset: view.getUint32(at + 42, true),
      });
    }
    at += CENTRAL.size + nameLength + extra + comment;
  }
  if (found.length === 1) return found[0];
  const got = found.length === 0 ? 'none' : String(found.length);
  throw new FormatError({ where: 'submission', expected: `${name} in the zip`, got });
}

/** The end record carries a comment of known length: only a place where that fits is the end. */
function findEnd(view: DataView): number {
  const last = view.byteLength - END.size;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
    if (view.getUint32(at, true) !== END.signature) continue;
    if (at + END.size + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  throw damaged();
}

function isText(bytes: Uint8Array, text: string): boolean {
  return bytes.length === text.length && bytes.every((byte, i) => byte === text.charCodeAt(i));
}

function packedBytes(zip: Uint8Array, { offset, packedSize }: Entry): Uint8Array {
  const view = new DataView(zip.buffer, zip.byteOffset, zip.byteLength);
  if (offset + LOCAL.size > zip.length || view.getUint32(offset, true) !== LOCAL.signature) throw damaged();
  const start = offset + LOCAL.size + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
  if (start + packedSize > zip.length) throw damaged();
  return zip.subarray(start, start + packedSize);
}

function inflate(packed: Uint8Array, size: number, where: string): Uint8Array {
  const bytes = new Uint8Array(size);
  let done = 0;
  const inflater = new Inflate((chunk) => {
    if (done + chunk.length > size) {
      throw new FormatError({ where, expected: `${size} bytes unpacked, as it says itself`, got: 'more' });
    }
    bytes.set(chunk, done);
    done += chunk.length;
  });
  try {
    for (let at = 0; at < packed.length; at += CHUNK) {
      inflater.push(packed.subarray(at, at + CHUNK), at + CHUNK >= packed.length);
    }
  } catch (cause) {
    throw cause instanceof FormatError ? cause : damaged(cause);
  }
  return bytes.subarray(0, done);
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}
