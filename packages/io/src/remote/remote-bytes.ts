import type { ByteSource } from '../byte-source.js';
import { FormatError } from '../errors.js';
import { DiskBlocks, type DiskCache } from './disk-blocks.js';
import type { RangeClient } from './client.js';
import { httpClient } from './http.js';
import { shownLocation } from './location.js';
import { MemoryBlocks } from './memory-blocks.js';
import { fetchRange, type RetryOptions } from './retry.js';
import { s3Client } from './s3.js';

/** How an object on a server is read; plain data, so that threads can be given it. */
export interface RemoteOptions extends Omit<RetryOptions, 'signal'> {
  /** Sent with each request over HTTP: `{ authorization: 'Bearer ...' }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes kept in memory: 64 MiB. */
  readonly memoryBytes?: number;
  /** Bytes fetched ahead of one who reads on where the last read ended: 1 MiB. */
  readonly readAhead?: number;
  /** Kept on a disk too; without it nowhere. */
  readonly cache?: DiskCache;
}

/** Bytes on a server. */
export interface RemoteSource extends ByteSource, AsyncDisposable {
  /** The server's name of the content (ETag, else Last-Modified), where it gives one. */
  readonly version: string | undefined;
}

export interface OpenRemoteOptions extends RemoteOptions {
  readonly signal?: AbortSignal | undefined;
  /** The content that another thread has open. */
  readonly version?: string | undefined;
  /** Speaks with the server; by default what the address asks for. */
  readonly client?: RangeClient;
}

/** Bytes of a block: a video's features are a request or two, and little is fetched in vain. */
const BLOCK = 64 * 2 ** 10;
/** Requests at once. */
const CONNECTIONS = 16;

/**
 * A file on a server (`https://`, `http://`, or `s3://bucket/key` by the optional `@aws-sdk/client-s3`) as bytes that
 * are read in ranges: blocks of 64 KiB, those beside each other in one request, kept in memory and on a disk up to
 * limits. Lost connections go on where they broke. The file may not change while it is open: that is an error.
 * @throws WbdcError with the code `remote` where the server refuses, cannot be reached, or answers no range requests;
 * `remote-missing` where it has no such file
 */
export async function openRemote(url: string, options: OpenRemoteOptions = {}): Promise<RemoteSource> {
  const client = options.client ?? (/^s3:/i.test(url) ? await s3Client(url) : httpClient(url, options.headers));
  const { size, version } = await fetchRange(client, url, [0, 1], options);
  return new RemoteBytes(client, { url, size, version, options });
}

interface Opened {
  readonly url: string;
  readonly size: number;
  readonly version: string | undefined;
  readonly options: OpenRemoteOptions;
}

class RemoteBytes implements RemoteSource {
  readonly path: string;
  readonly size: number;
  readonly version: string | undefined;
  private readonly memory: MemoryBlocks;
  private readonly disk: DiskBlocks | undefined;
  private readonly pending = new Map<number, Promise<Uint8Array>>();
  private readonly closing = new AbortController();
  private readonly signal: AbortSignal;
  private readonly waiting: (() => void)[] = [];
  private connections = 0;
  private next = -1;

  constructor(
    private readonly client: RangeClient,
    private readonly opened: Opened,
  ) {
    const { url, size, version, options } = opened;
    [this.path, this.size, this.version] = [shownLocation(url), size, version];
    this.memory = new MemoryBlocks(options.memoryBytes ?? 64 * 2 ** 20);
    // What has no version may change in secret: it is not kept beyond this reader.
    const { cache } = options;
    this.disk =
      cache && version !== undefined
        ? new DiskBlocks(cache.folder, `${this.path}\n${version}`, cache.maxBytes)
        : undefined;
    this.signal = options.signal ? AbortSignal.any([options.signal, this.closing.signal]) : this.closing.signal;
  }

  async read(start: number, length: number): Promise<Uint8Array> {
    const end = start + length;
    if (!Number.isSafeInteger(start) || start < 0 || length < 0 || end > this.size) {
      const [expected, got] = [`bytes ${start} to ${end}`, `${this.size} bytes`];
      throw new FormatError({ where: this.path, expected, got, advice: 'it is cut off' });
    }
    const bytes = new Uint8Array(length);
    if (length === 0) return bytes;
    const [first, last] = [Math.floor(start / BLOCK), Math.ceil(end / BLOCK)];
    const blocks = this.blocks(first, last);
    if (start === this.next) this.readAhead(last);
    this.next = end;
    await Promise.all(
      blocks.map(async (loading, i) => {
        const block = await loading;
        const from = (first + i) * BLOCK;
        const within = block.subarray(Math.max(0, start - from), Math.min(block.length, end - from));
        bytes.set(within, Math.max(0, from - start));
      }),
    );
    return bytes;
  }

  async close(): Promise<void> {
    this.closing.abort(new Error(`${this.path} is closed`));
    await Promise.allSettled(this.pending.values());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private readAhead(first: number): void {
    const { readAhead = 2 ** 20 } = this.opened.options;
    const last = Math.min(Math.ceil(this.size / BLOCK), first + Math.floor(readAhead / BLOCK));
    // What fails here fails again, and is told, where it is asked for.
    for (const loading of this.blocks(first, last)) loading.catch(() => undefined);
  }

  /** Blocks `[first, last)`, each from memory, from whoever is fetching it, or newly fetched. */
  private blocks(first: number, last: number): Promise<Uint8Array>[] {
    const indices = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
    const known = new Map(indices.map((index) => [index, this.memory.get(index)]));
    const fresh = indices.filter((index) => known.get(index) === undefined && !this.pending.has(index));
    const filled = fresh.length > 0 ? this.fill(fresh) : undefined;
    for (const index of fresh) this.pending.set(index, this.remember(index, filled!));
    return indices.map((index) => {
      const block = known.get(index);
      return block === undefined ? this.pending.get(index)! : Promise.resolve(block);
    });
  }

  private async remember(index: number, filled: Promise<ReadonlyMap<number, Uint8Array>>): Promise<Uint8Array> {
    try {
      const block = (await filled).get(index)!;
      this.memory.put(index, block);
      return block;
    } finally {
      this.pending.delete(index);
    }
  }

  /** Blocks from the disk, the others from the server. */
  private async fill(indices: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    const { disk } = this;
    const blocks = new Map<number, Uint8Array>();
    const kept = await Promise.all(indices.map(async (index) => [index, await disk?.get(index)] as const));
    for (const [index, block] of kept) if (block?.length === this.lengthOf(index)) blocks.set(index, block);
    const runs = runsOf(indices.filter((index) => !blocks.has(index)));
    await Promise.all(
      runs.map(async ([first, last]) => {
        const bytes = await this.fetch(first * BLOCK, Math.min(this.size, last * BLOCK));
        for (let index = first; index < last; index++) {
          // Of its own: a view would keep all that came with it.
          const block = bytes.slice((index - first) * BLOCK, (index + 1 - first) * BLOCK);
          blocks.set(index, block);
          void disk?.put(index, block);
        }
      }),
    );
    return blocks;
  }

  private async fetch(start: number, end: number): Promise<Uint8Array> {
    await this.takeTurn();
    try {
      const { url, version, options } = this.opened;
      const range = [start, end] as const;
      const { bytes } = await fetchRange(this.client, url, range, { ...options, version, signal: this.signal });
      return bytes;
    } finally {
      this.connections--;
      this.waiting.shift()?.();
    }
  }

  private async takeTurn(): Promise<void> {
    while (this.connections >= CONNECTIONS) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.connections++;
  }

  private lengthOf(index: number): number {
    return Math.min(BLOCK, this.size - index * BLOCK);
  }
}

/** Consecutive numbers of an ascending list as ranges `[first, last)`. */
function runsOf(indices: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const index of indices) {
    const run = runs.at(-1);
    if (run?.[1] === index) run[1]++;
    else runs.push([index, index + 1]);
  }
  return runs;
}
