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

/** A buffer and where it stands. */
interface Held {
  readonly buffer: GPUBuffer;
  readonly size: number;
  /** Its number in the order in which they were made. */
  readonly age: number;
  /** Since which submission of commands it is free. */
  freeSince: number;
}

/**
 * Buffers that are used over and over. Sizes are rounded up to quarters of powers of two, so that batches of different
 * lengths share them, and what is free makes room, the longest unused first, before more is allocated than half
 * as much again as the most that was ever in use.
 */
export class BufferPool {
  readonly #create: (bytes: number) => GPUBuffer;
  readonly #limit: number;
  /** By size; of one size the oldest buffer last, which is taken first. */
  readonly #free = new Map<number, Held[]>();
  /** Free buffers, the longest unused first. */
  readonly #unused = new Set<Held>();
  readonly #all = new Map<GPUBuffer, Held>();
  #made = 0;
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
    const held = this.#reuse(size, idle) ?? this.#allocate(size);
    this.#used += held.size;
    this.#peak = Math.max(this.#peak, this.#used);
    return held.buffer;
  }

  release(buffer: GPUBuffer): void {
    const held = this.#all.get(buffer)!;
    const { size } = held;
    this.#used -= size;
    this.#unused.add(held);
    held.freeSince = this.#submission;
    const free = this.#free.get(size);
    if (free) insert(free, held);
    else this.#free.set(size, [held]);
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
    for (const buffer of this.#all.keys()) buffer.destroy();
    for (const buffer of this.#doomed) buffer.destroy();
    this.#all.clear();
    this.#unused.clear();
    this.#free.clear();
    this.#doomed = [];
    this.#used = this.#allocated = 0;
  }

  #reuse(size: number, idle: boolean): Held | undefined {
    for (let larger = size; larger <= size * LOOSE; larger = sizeClass(larger + 1)) {
      const free = this.#free.get(larger);
      for (let i = (free?.length ?? 0) - 1; i >= 0; i--) {
        const held = free![i];
        if (idle && held.freeSince >= this.#submission) continue;
        if (i === free!.length - 1) free!.pop();
        else free!.splice(i, 1);
        this.#unused.delete(held);
        return held;
      }
    }
    return undefined;
  }

  #allocate(size: number): Held {
    const peak = Math.max(this.#peak, this.#used + size);
    const most = Math.min(this.#limit, Math.max(ALLOWANCE * peak, peak + SLACK));
    while (this.#allocated + size > most && this.#unused.size > 0) this.#giveUpOldest();
    const held = { buffer: this.#create(size), size, age: this.#made++, freeSince: 0 };
    this.#all.set(held.buffer, held);
    this.#allocated += size;
    return held;
  }

  #giveUpOldest(): void {
    const held = this.#unused.values().next().value!;
    this.#unused.delete(held);
    const free = this.#free.get(held.size)!;
    free.splice(free.indexOf(held), 1);
    this.#all.delete(held.buffer);
    this.#allocated -= held.size;
    this.#doomed.push(held.buffer);
  }
}

/** By age: steps of the same shapes then take the same buffers, whatever was freed in which order. */
function insert(free: Held[], held: Held): void {
  let at = free.length;
  while (at > 0 && free[at - 1].age < held.age) at--;
  if (at === free.length) free.push(held);
  else free.splice(at, 0, held);
}

/** Rounded up to a quarter of a power of two. */
export function sizeClass(bytes: number): number {
  const exponent = bytes < 2 ** 31 ? 31 - Math.clz32(Math.max(bytes, 1)) : Math.floor(Math.log2(bytes));
  const step = exponent <= 10 ? SMALLEST : exponent < 32 ? 1 << (exponent - 2) : 2 ** (exponent - 2);
  return Math.ceil(Math.max(bytes, 1) / step) * step;
}
