import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError, syncFolder } from '@wbdc/io';

/**
 * A file that is there completely or not at all: written under `<path>.part`, flushed to the disk, then renamed.
 * Small writes are gathered, so that a million records are not a million system calls.
 */
export class AtomicFile {
  private gathered: Uint8Array[] = [];
  private gatheredBytes = 0;
  private finished = false;
  private failure: unknown;

  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private written: number,
  ) {}

  static partOf(path: string): string {
    return `${path}.part`;
  }

  static async create(path: string): Promise<AtomicFile> {
    const part = AtomicFile.partOf(path);
    const handle = await open(part, 'w').catch((error: unknown) => {
      throw fileError('write', part, error);
    });
    return new AtomicFile(path, handle, 0);
  }

  /** Goes on behind the first `length` bytes of an interrupted write; what stands after them is cut off. */
  static async resume(path: string, length: number): Promise<AtomicFile> {
    const handle = await open(AtomicFile.partOf(path), 'r+');
    await handle.truncate(length);
    return new AtomicFile(path, handle, length);
  }

  /** Bytes so far, gathered ones included. */
  get position(): number {
    return this.written + this.gatheredBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.gathered.push(bytes);
    this.gatheredBytes += bytes.length;
    if (this.gatheredBytes >= 1 << 20) await this.flush();
  }

  async flush(): Promise<void> {
    const bytes = Buffer.concat(this.gathered);
    const start = this.written;
    this.gathered = [];
    this.gatheredBytes = 0;
    this.written += bytes.length;
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.handle.write(bytes, done, bytes.length - done, start + done)).bytesWritten;
      }
    } catch (error) {
      this.failure = fileError('write', this.path, error);
      throw this.failure;
    }
  }

  /**
   * Makes the file appear under its name. Refused when any write failed: the file would have a hole.
   * @param durable wait until it would outlast a power cut; too slow for one of a million small files
   */
  async finish(durable = true): Promise<void> {
    await this.flush();
    if (this.failure) throw this.failure;
    if (durable) await this.handle.sync();
    this.finished = true;
    await this.handle.close();
    await rename(AtomicFile.partOf(this.path), this.path);
    if (durable) await syncFolder(dirname(this.path));
  }

  /** Gives up: nothing appears under the name, and an earlier file of that name stays as it was. */
  async abandon(): Promise<void> {
    if (this.finished) return;
    this.finished = true;
    await this.handle.close();
    await rm(AtomicFile.partOf(this.path), { force: true });
  }

  /** Closes without finishing; the part file stays for a later {@link AtomicFile.resume}. */
  async suspend(): Promise<void> {
    if (this.finished) return;
    await this.flush();
    this.finished = true;
    await this.handle.close();
  }
}

/** Writes a file through `write`; it appears only when that succeeds. */
export async function writeAtomically(path: string, write: (file: AtomicFile) => Promise<void>): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    await write(file);
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
