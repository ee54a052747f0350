import { open, type FileHandle } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';
import { DataError } from '../files/data-error.js';
import { IdTable, type SharedTable } from './id-table.js';
import { readExactly, visitDirectory, type DirectoryEntry } from './zip-directory.js';
import { ZIP } from './zip-format.js';

/** Bytes behind the fixed local header that are read on suspicion, for name and extra fields. */
const SLACK = 128;

type Column = 'offset' | 'packedSize' | 'size' | 'crc' | 'method';

/** What a thread needs to read a zip that another has open. */
export interface SharedZip {
  readonly path: string;
  readonly fileSize: number;
  readonly maxEntryBytes: number;
  readonly directory: SharedTable<Column>;
}

/**
 * Random access to the entries of a zip by key: one look-up in a hash table and one read at a place. The directory is read
 * once, into about 90 bytes an entry.
 */
export class ZipReader {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly fileSize: number,
    private readonly maxEntryBytes: number,
    private readonly directory: IdTable<Column> = newDirectory(),
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

  /** Opens what another thread has open, without reading the directory again. */
  static async reopen({ path, fileSize, maxEntryBytes, directory }: SharedZip): Promise<ZipReader> {
    return new ZipReader(path, await open(path, 'r'), fileSize, maxEntryBytes, IdTable.of(directory));
  }

  share(): SharedZip {
    const { path, fileSize, maxEntryBytes } = this;
    return { path, fileSize, maxEntryBytes, directory: this.directory.share() };
  }

  get size(): number {
    return this.directory.size;
  }

  has(key: string): boolean {
    return this.directory.ids.get(key) >= 0;
  }

  /** Keys in the order of the directory. */
  entries(): Iterable<string> {
    return this.directory.ids;
  }

  /**
   * The bytes of an entry, or undefined when there is none.
   * @throws DataError when its CRC-32 does not fit
   */
  async read(key: string): Promise<Buffer | undefined> {
    const i = this.directory.ids.get(key);
    if (i < 0) return undefined;
    const where = `${this.path}: ${key}`;
    const packed = await this.readPacked(i, where);
    const bytes = this.directory.at('method', i) === 0 ? packed : inflate(packed, this.directory.at('size', i), where);
    const crc = crc32(bytes);
    if (crc === this.directory.at('crc', i) && bytes.length === this.directory.at('size', i)) return bytes;
    throw new DataError(
      `${where}: expected ${this.directory.at('size', i)} bytes with CRC ${this.directory.at('crc', i)}, got ${bytes.length} with ${crc}: ` +
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
    if (!this.directory.add(key, entry)) throw new DataError(`${where}: expected every id once, got ${key} twice`);
  }

  /** Local header and data in one read: the length of the name and extra fields is only known afterwards. */
  private async readPacked(i: number, where: string): Promise<Buffer> {
    const offset = this.directory.at('offset', i);
    const size = this.directory.at('packedSize', i);
    const room = Math.max(ZIP.localSize, Math.min(ZIP.localSize + SLACK + size, this.fileSize - offset));
    const bytes = await readExactly(this.file, offset, room, where);
    if (bytes.readUInt32LE(0) !== ZIP.local) throw new DataError(`${where}: expected a zip entry at byte ${offset}`);
    const start = ZIP.localSize + bytes.readUInt16LE(26) + bytes.readUInt16LE(28);
    if (start + size <= bytes.length) return bytes.subarray(start, start + size);
    return readExactly(this.file, offset + start, size, where);
  }
}

function newDirectory(): IdTable<Column> {
  return IdTable.create({
    offset: Float64Array,
    packedSize: Uint32Array,
    size: Uint32Array,
    crc: Uint32Array,
    method: Uint8Array,
  });
}

function inflate(packed: Buffer, size: number, where: string): Buffer {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    throw new DataError(`${where}: expected deflated data of ${size} bytes: ${(cause as Error).message}`, { cause });
  }
}
