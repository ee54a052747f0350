import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isTemporary, temporaryName } from '../temporary.js';

/** Blocks of objects on a local disk. */
export interface DiskCache {
  readonly folder: string;
  /** About how many bytes the folder may hold; default 4 GiB. Blocks used longest ago go first. */
  readonly maxBytes?: number;
}

const DEFAULT_BYTES = 4 * 2 ** 30;
/** Share of the limit that is written between two looks at the folder. */
const LOOK = 16;
const CHECKSUM = 4;
/** Milliseconds after which a file that is still written has no writer any more. */
const LONGEST_WRITE = 3_600_000;

/**
 * Blocks of one object in a folder that processes share: a file each with its CRC-32, written under another name first.
 * A cache never fails a read: what cannot be kept, or is damaged, is fetched again.
 */
export class DiskBlocks {
  private readonly folder: string;
  private readonly maxBytes: number;
  private written: number;
  private trimming: Promise<void> | undefined;

  constructor(
    private readonly root: string,
    object: string,
    maxBytes = DEFAULT_BYTES,
  ) {
    this.folder = join(root, createHash('sha256').update(object).digest('hex').slice(0, 32));
    this.maxBytes = maxBytes;
    this.written = maxBytes; // what others left there is looked at with the first block
  }

  async get(index: number): Promise<Uint8Array | undefined> {
    const path = this.pathOf(index);
    try {
      const file = await readFile(path);
      const block = file.subarray(0, file.length - CHECKSUM);
      if (file.length <= CHECKSUM || crc32(block) !== file.readUInt32LE(block.length)) return undefined;
      const now = new Date();
      await utimes(path, now, now);
      return new Uint8Array(block);
    } catch {
      return undefined;
    }
  }

  async put(index: number, block: Uint8Array): Promise<void> {
    const path = this.pathOf(index);
    const part = temporaryName(path);
    const checksum = Buffer.alloc(CHECKSUM);
    checksum.writeUInt32LE(crc32(block));
    try {
      await mkdir(this.folder, { recursive: true });
      await writeFile(part, Buffer.concat([block, checksum]));
      await rename(part, path);
    } catch {
      await rm(part, { force: true }).catch(() => undefined); // a full or read-only disk: nothing is kept
    }
    this.written += block.length + CHECKSUM;
    if (this.written * LOOK < this.maxBytes) return;
    this.trimming ??= this.trim().finally(() => (this.trimming = undefined));
    await this.trimming;
  }

  /** Deletes what was used longest ago where the folder holds too much, of all objects. */
  private async trim(): Promise<void> {
    this.written = 0;
    const files = await filesBelow(this.root);
    let total = files.reduce((sum, { size }) => sum + size, 0);
    if (total <= this.maxBytes) return;
    files.sort((a, b) => a.used - b.used);
    for (const { path, size } of files) {
      if (total <= this.maxBytes * (1 - 2 / LOOK)) return;
      await rm(path, { force: true }).catch(() => undefined);
      total -= size;
    }
  }

  private pathOf(index: number): string {
    return join(this.folder, index.toString(16).padStart(8, '0'));
  }
}

async function filesBelow(root: string): Promise<{ path: string; size: number; used: number }[]> {
  const names = await readdir(root, { recursive: true }).catch(() => []);
  const found = names.map(async (name) => {
    const path = join(root, name);
    const status = await stat(path).catch(() => undefined);
    if (!status?.isFile() || (isTemporary(name) && Date.now() - status.mtimeMs < LONGEST_WRITE)) return [];
    return [{ path, size: status.size, used: status.mtimeMs }];
  });
  return (await Promise.all(found)).flat();
}
