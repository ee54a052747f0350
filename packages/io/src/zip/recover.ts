import { crc32 } from 'node:zlib';
import { asBuffer, openBytes, type ByteSource } from '../bytes.js';
import { ZIP, type WrittenEntry } from './format.js';

/** Longest name that is looked for: a longer one would be no entry of the writer's caller. */
const LONGEST_NAME = 256;

/** What an interrupted write has left. */
export interface Recovered {
  readonly entries: readonly WrittenEntry[];
  /** Where the last of them ends. */
  readonly end: number;
}

/**
 * The complete entries at the start of a part file of {@link ZipWriter}, and where they end. Only the last can be torn:
 * its CRC is checked.
 */
export async function recoverEntries(part: string, longestName = LONGEST_NAME): Promise<Recovered> {
  const source = await openBytes(part);
  try {
    const entries: WrittenEntry[] = [];
    let end = 0;
    while (end + ZIP.localSize <= source.size) {
      const entry = await entryAt(source, end, longestName);
      if (!entry) break;
      entries.push(entry);
      end += ZIP.localSize + Buffer.byteLength(entry.name) + entry.size;
    }
    const last = entries.at(-1);
    if (last && crc32(await source.read(end - last.size, last.size)) !== last.crc) {
      entries.pop();
      end = last.offset;
    }
    return { entries, end };
  } finally {
    await source.close();
  }
}

/** The entry whose local header stands at a place, or undefined when it is not complete. */
async function entryAt(source: ByteSource, offset: number, longestName: number): Promise<WrittenEntry | undefined> {
  const { size: fileSize } = source;
  const bytes = asBuffer(await source.read(offset, Math.min(ZIP.localSize + longestName, fileSize - offset)));
  const nameLength = bytes.readUInt16LE(26);
  const size = bytes.readUInt32LE(22);
  if (bytes.readUInt32LE(0) !== ZIP.local || nameLength > longestName) return undefined;
  if (offset + ZIP.localSize + nameLength + size > fileSize) return undefined;
  const name = bytes.toString('utf8', ZIP.localSize, ZIP.localSize + nameLength);
  return { name, offset, size, crc: bytes.readUInt32LE(14) };
}
