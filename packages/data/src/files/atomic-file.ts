import { open, rename, rm, type FileHandle } from 'node:fs/promises';

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
    return new AtomicFile(path, await open(AtomicFile.partOf(path), 'w'), 0);
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
      this.failure = explain(error, this.path, start);
      throw this.failure;
    }
  }

  /** Makes the file appear under its name. Refused when any write failed: the file would have a hole. */
  async finish(): Promise<void> {
    await this.flush();
    if (this.failure) throw this.failure;
    await this.handle.sync();
    this.finished = true;
    await this.handle.close();
    await rename(AtomicFile.partOf(this.path), this.path);
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

function explain(cause: unknown, path: string, written: number): unknown {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') return cause;
  return new Error(`${path}: the disk is full after ${written} bytes: free some space and run again`, { cause });
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
