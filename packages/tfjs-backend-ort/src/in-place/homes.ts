import { webAssembly, type WasmMemory } from '@wbdc/io/wasm';
import { Arena, GRAIN, type Block } from '../arena.js';
import type { Aliases } from './aliases.js';
import { updateProgram } from './program.js';
import { Threads, type Job } from './threads.js';
import { SCRATCH, Work, type SharedHome } from './work.js';

/** The update goes at the memory's speed: more threads only cost memory of their own. */
const MOST_THREADS = 8;
/** Below, a thread takes longer to wake than to do its part. */
const THREADED_FROM = 1 << 19;
const PAGE = 1 << 16;

/**
 * Memory for parameters and what AdamW keeps of them, in which it updates them: a program of WebAssembly goes through
 * them once, on all threads. The memory is shared between the threads; to this one its blocks are ordinary arrays.
 */
export class Homes {
  private readonly arena: Arena;
  private readonly homes = new Map<ArrayBufferLike, SharedHome>();
  private readonly module = new (webAssembly().Module)(updateProgram());
  private readonly work: Work;
  private readonly helpers: number;
  private threads: Threads | undefined;
  private count = 0;

  constructor(
    private readonly aliases: Aliases,
    threads: number,
  ) {
    this.helpers = Math.min(threads, MOST_THREADS) - 1;
    this.work = new Work(this.module, aliases, 0);
    // A home in which nobody lives any more is given up.
    this.arena = new Arena(
      0,
      (bytes) => this.enter(bytes),
      (buffer) => this.leave(buffer),
    );
  }

  /** So many blocks of so many bytes, in one home. */
  take(count: number, bytes: number): Block[] {
    const { buffer, offset, bytes: all } = this.arena.take(count * Math.ceil(bytes / GRAIN) * GRAIN);
    return Array.from({ length: count }, (_, i) => ({
      buffer,
      offset: offset + (i * all) / count,
      bytes: all / count,
    }));
  }

  give(block: Block): void {
    this.arena.give(block);
  }

  owns(buffer: ArrayBufferLike): boolean {
    return this.homes.has(buffer);
  }

  /** The number of the home whose memory this is. */
  idOf({ buffer }: Block): number {
    return this.homes.get(buffer)!.id;
  }

  /** Updates parameters by gradients that stay where they are until it returns. */
  update(jobs: readonly Job[]): void {
    const shared = jobs.filter(({ gradient }) => gradient.length > 0);
    const values = shared.reduce((sum, { gradient }) => sum + gradient.length, 0);
    if (this.helpers > 0 && values >= THREADED_FROM) {
      this.threads ??= new Threads(this.module, this.aliases, this.helpers, this.homes.values());
      this.threads.run(this.work, shared);
      return;
    }
    for (const { segment, gradient } of shared) this.work.run(segment, gradient, 0, gradient.length);
  }

  close(): void {
    this.threads?.close();
    this.threads = undefined;
  }

  private enter(bytes: number): ArrayBuffer {
    const pages = Math.ceil((bytes + MOST_THREADS * SCRATCH) / PAGE);
    const memory = new (webAssembly().Memory)({ initial: pages, maximum: pages, shared: true });
    const buffer = this.aliases.view(new Uint8Array(memory.buffer), bytes);
    const home = { id: this.count++, memory, scratch: bytes };
    memories.set(buffer, memory);
    this.homes.set(buffer, home);
    this.work.enter(home);
    this.threads?.tell({ enter: home });
    return buffer;
  }

  private leave(buffer: ArrayBuffer): void {
    const { id } = this.homes.get(buffer)!;
    this.homes.delete(buffer);
    this.work.leave(id);
    this.threads?.tell({ leave: id });
    if (this.homes.size === 0) this.close();
  }
}

/** The memory under an alias, which is to stay while anybody has the alias. */
const memories = new WeakMap<ArrayBuffer, WasmMemory>();
