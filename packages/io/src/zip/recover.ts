import { crc32 } from 'node:zlib';
import type { ByteSource } from '../byte-source.js';
import { asBuffer, openBytes } from '../bytes.js';
import { STORED, ZIP, type WrittenEntry } from './format.js';

/** Longest name that is looked for: a longer one would be no entry of the writer's caller. */
const LONGEST_NAME = 256;

/** What an interrupted write has left. */
export interface Recovered {
  readonly entries: readonly WrittenEntry[];
  /** Where the last of them ends. */
  readonly end: number;
}

/**
 * The complete entries at the start of a part file of {@link ZipWriter}, and where they end: up to the first that is
 * torn, or whose CRC-32 does not fit. All of the file is read.
 */
export async function recoverEntries(part: string, longestName = LONGEST_NAME): Promise<Recovered> {
  const source = await openBytes(part);
  try {
    const entries: WrittenEntry[] = [];
    let end = 0;
    while (end + ZIP.localSize <= source.size) {
      const entry = await entryAt(source, end, longestName);
      if (!entry) break;
      const next = end + ZIP.localSize + Buffer.byteLength(entry.name) + entry.size;
      if (!(await isWhole(source, entry, next))) break;
      entries.push(entry);
      end = next;
    }
    return { entries, end };
  } finally {
    await source.close();
  }
}

/** Bytes that are read at once. */
const CHUNK = 1 << 24;

async function isWhole(source: ByteSource, { size, crc }: WrittenEntry, end: number): Promise<boolean> {
  let actual = 0;
  for (let at = end - size; at < end; at += CHUNK) {
    actual = crc32(await source.read(at, Math.min(CHUNK, end - at)), actual);
  }
  return actual === crc;
}

/** The entry whose local header stands at a place, or undefined when it is not complete, or none of the writer's. */
async function entryAt(source: ByteSource, offset: number, longestName: number): Promise<WrittenEntry | undefined> {
  const { size: fileSize } = source;
  const bytes = asBuffer(await source.read(offset, Math.min(ZIP.localSize + longestName, fileSize - offset)));
  const nameLength = bytes.readUInt16LE(26);
  const size = bytes.readUInt32LE(22);
  const plain = bytes.readUInt16LE(8) === STORED && bytes.readUInt32LE(18) === size && bytes.readUInt16LE(28) === 0;
  if (bytes.readUInt32LE(0) !== ZIP.local || !plain || nameLength > longestName) return undefined;
  if (offset + ZIP.localSize + nameLength + size > fileSize) return undefined;
  const name = bytes.toString('utf8', ZIP.localSize, ZIP.localSize + nameLength);
  if (Buffer.byteLength(name) !== nameLength) return undefined; // no UTF-8
  return { name, offset, size, crc: bytes.readUInt32LE(14) };
}
