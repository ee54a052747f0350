import { crc32 } from 'node:zlib';
import { AtomicFile } from '../atomic-file.js';
import { FormatError } from '../errors.js';
import { IdTable } from '../tables/id-table.js';
import { STORED, ZIP, type WrittenEntry } from './format.js';
import type { Recovered } from './recover.js';

/** 1980-01-01, the format's first day: the same content gives the same bytes. */
const DATE = 0x0021;

/**
 * Writes a zip of stored (uncompressed) entries as a stream; ZIP64 where entries or bytes ask for it. Keeps about
 * 60 bytes an entry. The file appears under its name when `finish` succeeds.
 */
export class ZipWriter {
  private readonly entries = IdTable.create({ offset: Float64Array, size: Uint32Array, crc: Uint32Array });

  private constructor(private readonly file: AtomicFile) {}

  static async create(path: string): Promise<ZipWriter> {
    return new ZipWriter(await AtomicFile.create(path));
  }

  /** Goes on behind the entries that `recoverEntries` finds in the part file of an interrupted write. */
  static async resume(path: string, { entries, end }: Recovered): Promise<ZipWriter> {
    const writer = new ZipWriter(await AtomicFile.resume(path, end));
    for (const entry of entries) writer.remember(entry);
    return writer;
  }

  get size(): number {
    return this.entries.size;
  }

  has(name: string): boolean {
    return this.entries.ids.get(name) >= 0;
  }

  /** @throws FormatError when the name is there already */
  async add(name: string, bytes: Uint8Array): Promise<void> {
    const entry = { name, offset: this.file.position, size: bytes.length, crc: crc32(bytes) };
    if (bytes.length >= ZIP.full32) throw new RangeError(`${name}: expected under 4 GiB, got ${bytes.length} bytes`);
    this.remember(entry);
    await this.file.write(Buffer.concat([localHeader(entry), bytes]));
  }

  /** @param durable see {@link AtomicFile.finish} */
  async finish(durable = true): Promise<void> {
    const start = this.file.position;
    for (let i = 0; i < this.size; i++) await this.file.write(centralHeader(this.entry(i)));
    await this.file.write(endRecords(this.size, start, this.file.position));
    await this.file.finish(durable);
  }

  /** Removes what was written. */
  abandon(): Promise<void> {
    return this.file.abandon();
  }

  /** Keeps what was written as `<path>.part`. */
  suspend(): Promise<void> {
    return this.file.suspend();
  }

  private remember(entry: WrittenEntry): void {
    if (this.entries.add(entry.name, entry)) return;
    throw new FormatError({ where: this.file.path, expected: 'each name once', got: `${entry.name} twice` });
  }

  private entry(i: number): WrittenEntry {
    const { entries } = this;
    const [offset, size, crc] = [entries.at('offset', i), entries.at('size', i), entries.at('crc', i)];
    return { name: entries.ids.at(i), offset, size, crc };
  }
}

/** What both headers of an entry share, from its flags to the length of its name. */
function writeCommon(out: Buffer, at: number, entry: WrittenEntry, nameLength: number): void {
  out.writeUInt16LE(ZIP.utf8, at);
  out.writeUInt16LE(STORED, at + 2);
  out.writeUInt16LE(0, at + 4); // midnight
  out.writeUInt16LE(DATE, at + 6);
  out.writeUInt32LE(entry.crc, at + 8);
  out.writeUInt32LE(entry.size, at + 12);
  out.writeUInt32LE(entry.size, at + 16);
  out.writeUInt16LE(nameLength, at + 20);
}

function localHeader(entry: WrittenEntry): Buffer {
  const name = Buffer.from(entry.name);
  const out = Buffer.alloc(ZIP.localSize + name.length);
  out.writeUInt32LE(ZIP.local, 0);
  out.writeUInt16LE(20, 4);
  writeCommon(out, 6, entry, name.length);
  name.copy(out, ZIP.localSize);
  return out;
}

function centralHeader(entry: WrittenEntry): Buffer {
  const name = Buffer.from(entry.name);
  const far = entry.offset >= ZIP.full32;
  const out = Buffer.alloc(ZIP.centralSize + name.length + (far ? 12 : 0));
  out.writeUInt32LE(ZIP.central, 0);
  out.writeUInt16LE(45, 4);
  out.writeUInt16LE(far ? 45 : 20, 6);
  writeCommon(out, 8, entry, name.length);
  out.writeUInt16LE(far ? 12 : 0, 30);
  out.writeUInt32LE(far ? ZIP.full32 : entry.offset, 42);
  name.copy(out, ZIP.centralSize);
  if (far) {
    out.writeUInt16LE(1, ZIP.centralSize + name.length); // the ZIP64 field
    out.writeUInt16LE(8, ZIP.centralSize + name.length + 2);
    out.writeBigUInt64LE(BigInt(entry.offset), ZIP.centralSize + name.length + 4);
  }
  return out;
}

function endRecords(count: number, start: number, end: number): Buffer {
  const large = count >= ZIP.full16 || end >= ZIP.full32;
  const out = Buffer.alloc(ZIP.endSize);
  out.writeUInt32LE(ZIP.end, 0);
  out.writeUInt16LE(large ? ZIP.full16 : count, 8);
  out.writeUInt16LE(large ? ZIP.full16 : count, 10);
  out.writeUInt32LE(large ? ZIP.full32 : end - start, 12);
  out.writeUInt32LE(large ? ZIP.full32 : start, 16);
  return large ? Buffer.concat([endRecords64(count, start, end), out]) : out;
}

function endRecords64(count: number, start: number, end: number): Buffer {
  const out = Buffer.alloc(ZIP.end64Size + ZIP.locatorSize);
  out.writeUInt32LE(ZIP.end64, 0);
  out.writeBigUInt64LE(BigInt(ZIP.end64Size - 12), 4);
  out.writeUInt16LE(45, 12);
  out.writeUInt16LE(45, 14);
  out.writeBigUInt64LE(BigInt(count), 24);
  out.writeBigUInt64LE(BigInt(count), 32);
  out.writeBigUInt64LE(BigInt(end - start), 40);
  out.writeBigUInt64LE(BigInt(start), 48);
  out.writeUInt32LE(ZIP.locator64, ZIP.end64Size);
  out.writeBigUInt64LE(BigInt(end), ZIP.end64Size + 8);
  out.writeUInt32LE(1, ZIP.end64Size + 16); // number of disks
  return out;
}
