import { open, type FileHandle } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import { DataError } from '../files/data-error.js';
import { Growing } from './growing.js';
import { IdIndex } from './id-index.js';
import { readExactly, visitDirectory, type DirectoryEntry } from './zip-directory.js';
import { ZIP } from './zip-writer.js';

/** Bytes behind the fixed local header that are read on suspicion, for name and extra fields. */
const SLACK = 128;

/**
 * Random access to the entries of a zip by key: one look-up in a hash table and one read at a place. The directory is read
 * once, into about 90 bytes an entry.
 */
export class ZipReader {
  private readonly keys = new IdIndex();
  private readonly offsets = new Growing((length) => new Float64Array(length));
  private readonly packedSizes = new Growing((length) => new Uint32Array(length));
  private readonly sizes = new Growing((length) => new Uint32Array(length));
  private readonly crcs = new Growing((length) => new Uint32Array(length));
  private readonly methods = new Growing((length) => new Uint8Array(length));

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly fileSize: number,
    private readonly maxEntryBytes: number,
  ) {}

  /**
   * @param keyOf the key of an entry's name, or undefined to leave the entry out
   * @throws DataError when it is no zip, is cut off, or has two entries of one key
   */
  static async open(
    path: string,
    keyOf: (name: string) => string | undefined,
    maxEntryBytes = 64 << 20,
  ): Promise<ZipReader> {
    const file = await open(path, 'r');
    try {
      const reader = new ZipReader(path, file, (await file.stat()).size, maxEntryBytes);
      await visitDirectory(file, path, (entry) => reader.remember(keyOf(entry.name), entry));
      return reader;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  get size(): number {
    return this.keys.size;
  }

  has(key: string): boolean {
    return this.keys.get(key) >= 0;
  }

  /** Keys in the order of the directory. */
  entries(): Iterable<string> {
    return this.keys;
  }

  /**
   * The bytes of an entry, or undefined when there is none.
   * @throws DataError when its CRC-32 does not fit
   */
  async read(key: string): Promise<Buffer | undefined> {
    const i = this.keys.get(key);
    if (i < 0) return undefined;
    const where = `${this.path}: ${key}`;
    const packed = await this.readPacked(i, where);
    const bytes = this.methods.at(i) === 0 ? packed : inflate(packed, this.sizes.at(i), where);
    const crc = crc32(bytes);
    if (crc === this.crcs.at(i) && bytes.length === this.sizes.at(i)) return bytes;
    throw new DataError(
      `${where}: expected ${this.sizes.at(i)} bytes with CRC ${this.crcs.at(i)}, got ${bytes.length} with ${crc}: ` +
        'the entry is damaged, make it again',
    );
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private remember(key: string | undefined, entry: DirectoryEntry): void {
    if (key === undefined) return;
    const where = `${this.path}: ${entry.name}`;
    if (entry.method !== 0 && entry.method !== 8) {
      throw new DataError(`${where}: expected a stored or deflated entry, got method ${entry.method}`);
    }
    if (Math.max(entry.size, entry.packedSize) > this.maxEntryBytes) {
      throw new DataError(`${where}: expected at most ${this.maxEntryBytes} bytes, got ${entry.size}`);
    }
    if (this.keys.add(key) < 0) throw new DataError(`${where}: expected every id once, got ${key} twice`);
    this.offsets.push(entry.offset);
    this.packedSizes.push(entry.packedSize);
    this.sizes.push(entry.size);
    this.crcs.push(entry.crc);
    this.methods.push(entry.method);
  }

  /** Local header and data in one read: the length of the name and extra fields is only known afterwards. */
  private async readPacked(i: number, where: string): Promise<Buffer> {
    const offset = this.offsets.at(i);
    const size = this.packedSizes.at(i);
    const room = Math.max(ZIP.localSize, Math.min(ZIP.localSize + SLACK + size, this.fileSize - offset));
    const bytes = await readExactly(this.file, offset, room, where);
    if (bytes.readUInt32LE(0) !== ZIP.local) throw new DataError(`${where}: expected a zip entry at byte ${offset}`);
    const start = ZIP.localSize + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
    if (start + size <= bytes.length) return bytes.subarray(start, start + size);
    return readExactly(this.file, offset + start, size, where);
  }
}

function inflate(packed: Buffer, size: number, where: string): Buffer {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    throw new DataError(`${where}: expected deflated data of ${size} bytes: ${(cause as Error).message}`, { cause });
  }
}
