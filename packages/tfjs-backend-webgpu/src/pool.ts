/** Device memory of an engine, in bytes. */
export interface PoolStatistics {
  /** In tensors. */
  readonly used: number;
  /** In tensors, and free to be used again. */
  readonly allocated: number;
  /** The largest `used` so far. */
  readonly peak: number;
}

/** How much may be allocated, as a multiple of the most that was ever in use. */
const ALLOWANCE = 1.5;
/** How much larger than asked for a buffer may be that is used again. */
const LOOSE = 2;
const SMALLEST = 256;
/** May be allocated in any case: what the host writes wants buffers that no pending command names. */
const SLACK = 1 << 18;

/**
 * Buffers that are used over and over. Sizes are rounded up to quarters of powers of two, so that batches of different
 * lengths share them, and what is free makes room, the longest unused first, before more is allocated than half
 * as much again as the most that was ever in use.
 */
export class BufferPool {
  readonly #create: (bytes: number) => GPUBuffer;
  readonly #limit: number;
  /** By size; of one size the oldest buffer last, which is taken first. */
  readonly #free = new Map<number, GPUBuffer[]>();
  /** Free buffers, the longest unused first. */
  readonly #unused = new Map<GPUBuffer, number>();
  readonly #sizes = new Map<GPUBuffer, number>();
  /** In the order in which they were made. */
  readonly #ages = new WeakMap<GPUBuffer, number>();
  #made = 0;
  /** Since which submission of commands a buffer is free. */
  readonly #freeSince = new WeakMap<GPUBuffer, number>();
  /** Given up, but perhaps still named by commands that are not submitted. */
  #doomed: GPUBuffer[] = [];
  #submission = 0;
  #used = 0;
  #allocated = 0;
  #peak = 0;

  /** @param limit what may be allocated at most while something is free, in bytes */
  constructor(create: (bytes: number) => GPUBuffer, limit = Infinity) {
    this.#create = create;
    this.#limit = limit;
  }

  /**
   * A buffer of at least so many bytes.
   * @param idle that no command reads or writes which is still to be submitted: one may be written by the host
   */
  acquire(bytes: number, idle = false): GPUBuffer {
    const size = sizeClass(bytes);
    const buffer = this.#reuse(size, idle) ?? this.#allocate(size);
    this.#used += this.#sizes.get(buffer)!;
    this.#peak = Math.max(this.#peak, this.#used);
    return buffer;
  }

  release(buffer: GPUBuffer): void {
    const size = this.#sizes.get(buffer)!;
    this.#used -= size;
    this.#unused.set(buffer, size);
    this.#freeSince.set(buffer, this.#submission);
    const free = this.#free.get(size);
    if (free) this.#insert(free, buffer);
    else this.#free.set(size, [buffer]);
  }

  /** By age: steps of the same shapes then take the same buffers, whatever was freed in which order. */
  #insert(free: GPUBuffer[], buffer: GPUBuffer): void {
    const age = this.#ages.get(buffer)!;
    let at = free.length;
    while (at > 0 && this.#ages.get(free[at - 1])! < age) at--;
    free.splice(at, 0, buffer);
  }

  /** Commands so far are submitted. */
  submitted(): void {
    this.#submission++;
    for (const buffer of this.#doomed) buffer.destroy();
    this.#doomed = [];
  }

  /** Gives up all that is free; says how many bytes that were. */
  drain(): number {
    const before = this.#allocated;
    while (this.#unused.size > 0) this.#giveUpOldest();
    return before - this.#allocated;
  }

  statistics(): PoolStatistics {
    return { used: this.#used, allocated: this.#allocated, peak: this.#peak };
  }

  dispose(): void {
    for (const buffer of this.#sizes.keys()) buffer.destroy();
    for (const buffer of this.#doomed) buffer.destroy();
    this.#sizes.clear();
    this.#unused.clear();
    this.#free.clear();
    this.#doomed = [];
    this.#used = this.#allocated = 0;
  }

  #reuse(size: number, idle: boolean): GPUBuffer | undefined {
    for (let larger = size; larger <= size * LOOSE; larger = sizeClass(larger + 1)) {
      const free = this.#free.get(larger);
      for (let i = (free?.length ?? 0) - 1; i >= 0; i--) {
        const buffer = free![i];
        if (idle && this.#freeSince.get(buffer)! >= this.#submission) continue;
        free!.splice(i, 1);
        this.#unused.delete(buffer);
        return buffer;
      }
    }
    return undefined;
  }

  #allocate(size: number): GPUBuffer {
    const peak = Math.max(this.#peak, this.#used + size);
    const most = Math.min(this.#limit, Math.max(ALLOWANCE * peak, peak + SLACK));
    while (this.#allocated + size > most && this.#unused.size > 0) this.#giveUpOldest();
    const buffer = this.#create(size);
    this.#sizes.set(buffer, size);
    this.#ages.set(buffer, this.#made++);
    this.#allocated += size;
    return buffer;
  }

  #giveUpOldest(): void {
    const [buffer, size] = this.#unused.entries().next().value!;
    this.#unused.delete(buffer);
    const free = this.#free.get(size)!;
    free.splice(free.indexOf(buffer), 1);
    this.#sizes.delete(buffer);
    this.#allocated -= size;
    this.#doomed.push(buffer);
  }
}

/** Rounded up to a quarter of a power of two. */
export function sizeClass(bytes: number): number {
  const step = Math.max(SMALLEST, 2 ** (Math.floor(Math.log2(Math.max(bytes, 1))) - 2));
  return Math.ceil(Math.max(bytes, 1) / step) * step;
}
