import type { ByteSource } from '../byte-source.js';
import { openBytes } from '../bytes.js';
import { FormatError } from '../errors.js';
import type { RemoteOptions } from '../remote/remote-bytes.js';
import { IdTable, type SharedTable } from '../tables/id-table.js';
import { findDirectory, visitEntries, type ZipEntry } from './directory.js';
import { readEntry } from './entry.js';
import { DEFLATED, STORED } from './format.js';

type Column = 'offset' | 'packedSize' | 'size' | 'crc' | 'method';

/** What a thread needs to read a zip that another has open. */
export interface SharedZip {
  /** Its path, or its address on a server. */
  readonly location: string;
  /** The server's name of the content. */
  readonly version: string | undefined;
  readonly remote: RemoteOptions | undefined;
  readonly directory: SharedTable<Column>;
}

export interface ZipReaderOptions {
  /** The key of an entry's name, or undefined to leave the entry out. By default the name itself. */
  readonly keyOf?: (name: string) => string | undefined;
  /** What keys are, for errors: `id`. */
  readonly keyName?: string;
  /** Largest entry accepted, in bytes packed or unpacked: 64 MiB where nothing else is given, at most 4 GiB. */
  readonly maxEntryBytes?: number;
  /** How a zip on a server is read; its memory, connections and cache. */
  readonly remote?: RemoteOptions;
}

/** Where a zip is, as it was asked for: messages show less of an address. */
type Location = Pick<SharedZip, 'location' | 'remote'>;

/**
 * Random access to the entries of a zip file by key: one look-up in a hash table and one read at a place. The directory
 * is read once, into about 90 bytes an entry in shared memory.
 */
export class ZipReader {
  private constructor(
    private readonly at: Location,
    private readonly source: ByteSource,
    private readonly directory: IdTable<Column>,
  ) {}

  /**
   * @param location a path, or the address of a zip on a server (`https://`, `s3://`)
   * @throws FormatError when it is no zip, is cut off, or has two entries of one key, or one that cannot be read
   */
  static async open(location: string, options: ZipReaderOptions = {}): Promise<ZipReader> {
    const source = await openBytes(location, options.remote);
    try {
      const directory = newDirectory();
      const remember = rememberIn(directory, source.path, options);
      await visitEntries(source, await findDirectory(source), remember);
      return new ZipReader({ location, remote: options.remote }, source, directory);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Opens what another thread has open, without reading the directory again. */
  static async reopen({ location, remote, version, directory }: SharedZip): Promise<ZipReader> {
    const source = await openBytes(location, { ...remote, version });
    return new ZipReader({ location, remote }, source, IdTable.of(directory));
  }

  share(): SharedZip {
    return { ...this.at, version: this.source.version, directory: this.directory.share() };
  }

  get path(): string {
    return this.source.path;
  }

  get size(): number {
    return this.directory.size;
  }

  has(key: string): boolean {
    return this.directory.ids.get(key) >= 0;
  }

  /** Keys in the order of the directory. */
  keys(): Iterable<string> {
    return this.directory.ids;
  }

  /**
   * The bytes of an entry, or undefined when there is none.
   * @throws FormatError when they are damaged, see {@link readEntry}
   */
  async read(key: string): Promise<Uint8Array | undefined> {
    const i = this.directory.ids.get(key);
    if (i < 0) return undefined;
    const column = (name: Column): number => this.directory.at(name, i);
    const entry = {
      offset: column('offset'),
      packedSize: column('packedSize'),
      size: column('size'),
      crc: column('crc'),
      method: column('method'),
    };
    return readEntry(this.source, entry, `${this.path}: ${key}`);
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

function rememberIn(
  directory: IdTable<Column>,
  path: string,
  { keyOf = (name) => name, keyName = 'name', maxEntryBytes = 64 << 20 }: ZipReaderOptions,
): (entry: ZipEntry) => void {
  return (entry) => {
    const where = (): string => `${path}: ${entry.name}`;
    if (entry.encrypted) {
      throw new FormatError({ where: where(), expected: 'a plain entry', got: 'an encrypted one' });
    }
    const key = keyOf(entry.name);
    if (key === undefined) return;
    if (entry.method !== STORED && entry.method !== DEFLATED) {
      const got = `method ${entry.method}`;
      throw new FormatError({ where: where(), expected: 'a stored or deflated entry', got });
    }
    const largest = Math.max(entry.size, entry.packedSize);
    if (largest > maxEntryBytes) {
      throw new FormatError({ where: where(), expected: `at most ${maxEntryBytes} bytes`, got: String(largest) });
    }
    if (directory.add(key, entry)) return;
    throw new FormatError({ where: where(), expected: `every ${keyName} once`, got: `${key} twice` });
  };
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
