import { webAssembly, type WasmMemory, type WasmModule } from '@wbdc/io/wasm';
import type { Aliases } from './aliases.js';
import { NUMBERS, type UpdateProgram } from './program.js';

/** Memory that holds parameters with their moments, as the threads see it. */
export interface SharedHome {
  readonly id: number;
  readonly memory: WasmMemory<SharedArrayBuffer>;
  /** Where its threads' own places begin, a multiple of 64. */
  readonly scratch: number;
}

/** Values that a thread takes at a time, and of these the ones whose gradients it copies at a time. */
export const BLOCK = 1 << 16;
const CHUNK = 1 << 13;
/** Bytes of a thread's own place in a home: gradients of a chunk, which then are in the innermost caches. */
export const SCRATCH = 4 * CHUNK;

/** Where in a home's memory a parameter and its state lie, in bytes, and the numbers of its update. */
export interface Segment {
  readonly home: number;
  readonly p: number;
  readonly m: number;
  readonly v: number;
  /** Where there is an average. */
  readonly e: number | undefined;
  readonly numbers: readonly number[];
}

interface Instance {
  readonly program: UpdateProgram;
  readonly scratch: number;
  readonly gradients: Float32Array;
}

/** One thread's part of the work: it updates ranges of parameters, with gradients from any memory of this process. */
export class Work {
  private readonly instances = new Map<number, Instance>();

  constructor(
    private readonly module: WasmModule,
    private readonly aliases: Aliases,
    private readonly thread: number,
  ) {}

  enter({ id, memory, scratch }: SharedHome): void {
    const own = scratch + this.thread * SCRATCH;
    // An alias, because copying into shared memory as such goes word by word.
    const gradients = new Float32Array(this.aliases.view(new Uint8Array(memory.buffer, own), SCRATCH));
    const { exports } = new (webAssembly().Instance)(this.module, { wbdc: { memory } });
    this.instances.set(id, { program: exports as UpdateProgram, scratch: own, gradients });
  }

  leave(id: number): void {
    this.instances.delete(id);
  }

  /** Updates the values from one on up to another. Results do not depend on how a parameter is cut into ranges. */
  run({ home, p, m, v, e, numbers }: Segment, gradient: Float32Array, from: number, to: number): void {
    const { program, scratch, gradients } = this.instances.get(home)!;
    const update = e === undefined ? program.plain : program.averaging;
    for (let at = from; at < to; at += CHUNK) {
      const past = Math.min(at + CHUNK, to);
      gradients.set(gradient.subarray(at, past));
      const [begin, end] = [4 * at, 16 * Math.ceil(past / 4)];
      update(p + begin, scratch, m + begin, v + begin, (e ?? 0) + begin, p + end, ...numbers);
    }
  }
}

/** Words of the threads' common control: the round, the next block, threads at work, blocks and segments in all. */
export const CONTROL = { round: 0, next: 1, active: 2, blocks: 3, segments: 4, failed: 5 } as const;
/** The next block while no round is open. */
export const CLOSED = 1 << 30;

/** A gradient as other threads find it: the address and size of a buffer, and the first of its bytes. */
export interface Gradient {
  readonly address: number;
  readonly bufferBytes: number;
  readonly offset: number;
}

/** The segments of a round, for all threads; rows of float64. */
export class Table {
  static readonly WIDTH = 10 + NUMBERS.length;

  constructor(readonly rows: Float64Array<SharedArrayBuffer>) {}

  write(i: number, block: number, size: number, segment: Segment, gradient: Gradient): void {
    const { home, p, m, v, e = -1, numbers } = segment;
    const { address, bufferBytes, offset } = gradient;
    this.rows.set([block, size, home, p, m, v, e, address, bufferBytes, offset, ...numbers], i * Table.WIDTH);
  }

  /** The row whose blocks include this one, of so many rows. */
  find(block: number, count: number): number {
    let low = 0;
    for (let high = count; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (this.rows[middle * Table.WIDTH] <= block) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The values of a block of a row: from one on up to another. */
  range(i: number, block: number): [from: number, to: number] {
    const [first, size] = this.rows.subarray(i * Table.WIDTH);
    const from = (block - first) * BLOCK;
    return [from, Math.min(from + BLOCK, size)];
  }

  segment(i: number): Segment {
    const [, , home, p, m, v, e] = this.rows.subarray(i * Table.WIDTH);
    const numbers = [...this.rows.subarray(i * Table.WIDTH + 10, (i + 1) * Table.WIDTH)];
    return { home, p, m, v, e: e < 0 ? undefined : e, numbers };
  }

  gradient(i: number): Gradient & { readonly size: number } {
    const [, size, , , , , , address, bufferBytes, offset] = this.rows.subarray(i * Table.WIDTH);
    return { size, address, bufferBytes, offset };
  }
}

/** What a thread is told between two rounds. */
export type Message = { readonly enter: SharedHome } | { readonly leave: number } | { readonly table: Table['rows'] };
