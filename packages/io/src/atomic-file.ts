import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, syncFolder, writeRange } from './files.js';
import { cleanOnce, temporaryName } from './temporary.js';

/** Small writes are gathered up to this many bytes: a million records are not a million system calls. */
const GATHER_BYTES = 1 << 20;

/**
 * A file that is there completely or not at all: written under another name beside it, flushed to the disk, then
 * renamed. That name is `<path>.part` where none is given, so that an interrupted write can be resumed.
 */
export class AtomicFile {
  private gathered: Uint8Array[] = [];
  private gatheredBytes = 0;
  private closed = false;
  private finished = false;
  private failure: Error | undefined;

  private constructor(
    readonly path: string,
    private readonly part: string,
    private readonly handle: FileHandle,
    private written: number,
  ) {}

  static partOf(path: string): string {
    return `${path}.part`;
  }

  static async create(path: string, part = AtomicFile.partOf(path)): Promise<AtomicFile> {
    const handle = await open(part, 'w').catch((cause) => Promise.reject(fileError('write', path, cause)));
    return new AtomicFile(path, part, handle, 0);
  }

  /** Goes on behind the first `length` bytes of an interrupted write; what stands after them is cut off. */
  static async resume(path: string, length: number): Promise<AtomicFile> {
    const part = AtomicFile.partOf(path);
    const handle = await open(part, 'r+').catch((cause) => Promise.reject(fileError('go on with', part, cause)));
    await handle.truncate(length).catch(async (cause) => {
      await handle.close();
      throw fileError('write', path, cause);
    });
    return new AtomicFile(path, part, handle, length);
  }

  /** Bytes so far, gathered ones included. */
  get position(): number {
    return this.written + this.gatheredBytes;
  }

  /** Appends bytes, or text as UTF-8. The bytes may not change before the next `flush`. */
  async write(content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const large = bytes.length >= GATHER_BYTES; // written as it is, without a copy
    if (!large) {
      this.gathered.push(bytes);
      this.gatheredBytes += bytes.length;
    }
    if (large || this.gatheredBytes >= GATHER_BYTES) await this.flush();
    if (large) await this.append(bytes);
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.gathered);
    this.gathered = [];
    this.gatheredBytes = 0;
    await this.append(bytes);
  }

  /**
   * Makes the file appear under its name. Refused when any write failed: the file would have a hole.
   * @param durable wait until it would outlast a power cut; too slow for one of a million small files
   */
  async finish(durable = true): Promise<void> {
    await this.flush();
    if (this.failure) throw this.failure;
    try {
      if (durable) await this.handle.sync();
      await this.close();
      await rename(this.part, this.path);
      this.finished = true;
      if (durable) await syncFolder(dirname(this.path));
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
  }

  /** Gives up: nothing appears under the name, and an earlier file of that name stays as it was. */
  async abandon(): Promise<void> {
    if (this.finished) return;
    this.finished = true;
    await this.close();
    await rm(this.part, { force: true });
  }

  /** Closes without finishing; the part file stays for a later {@link AtomicFile.resume}. */
  async suspend(): Promise<void> {
    if (this.finished) return;
    if (!this.closed) await this.flush();
    this.finished = true;
    await this.close();
  }

  private async append(bytes: Uint8Array): Promise<void> {
    const start = this.written;
    this.written += bytes.length;
    try {
      await writeRange(this.handle, start, bytes);
    } catch (cause) {
      this.failure = fileError('write', this.path, cause);
      throw this.failure;
    }
  }

  private async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.handle.close();
  }
}

type Chunk = Uint8Array | string;

/** What a file shall hold: text (as UTF-8), bytes, or chunks of either. */
export type FileContents = Chunk | Iterable<Chunk> | AsyncIterable<Chunk>;

/**
 * Writes a file whole or not at all: under a temporary name beside it, flushed to the disk, then renamed. On an error,
 * of the chunks too, the file that stood there before stays and nothing else is left behind; what a killed process has
 * left is removed when the next one writes into the folder.
 */
export async function writeFileAtomic(path: string, contents: FileContents): Promise<void> {
  const chunks = typeof contents === 'string' || contents instanceof Uint8Array ? [contents] : contents;
  try {
    await cleanOnce(path);
    const file = await AtomicFile.create(path, temporaryName(path));
    try {
      for await (const chunk of chunks) await file.write(chunk);
      await file.finish();
    } catch (error) {
      await file.abandon().catch(() => undefined); // the first error is the one to tell
      throw error;
    }
  } catch (error) {
    // Chunks may come out of another file, whose errors name it.
    throw error instanceof Error && 'path' in error ? error : fileError('write', path, error);
  }
}

/** Writes a value as JSON, indented by two spaces, whole or not at all. */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}
