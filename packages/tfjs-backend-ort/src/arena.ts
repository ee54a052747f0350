/** A range of a slab, lent to one tensor. */
export interface Block {
  readonly buffer: ArrayBuffer;
  readonly offset: number;
  readonly bytes: number;
}

export interface ArenaStatistics {
  /** Memory of the slabs, lent or free. A free range that was never lent takes no physical memory yet. */
  readonly heldBytes: number;
  readonly freeBytes: number;
  /** How much may be free before whole slabs go back to the system. */
  readonly capBytes: number;
}

interface Range {
  offset: number;
  bytes: number;
}

/** One buffer, and its free ranges in the order of their offsets, no two of them adjacent. */
interface Slab {
  readonly buffer: ArrayBuffer;
  readonly free: Range[];
}

/** A cache line: no two tensors share one. */
export const GRAIN = 64;
const SMALLEST_SLAB = 2 ** 24;
const LARGEST_SLAB = 2 ** 29;

/**
 * Memory for tensors, from few large slabs. Fresh memory has to be zeroed, mapped page by page and collected, which
 * costs more than most operations on it; a training step asks for the same amount again and again. Blocks of any size
 * come from the tightest free range, so that batches of other lengths use the same pages.
 */
export class Arena {
  private readonly slabs = new Map<ArrayBufferLike, Slab>();
  private heldBytes = 0;
  private freeBytes = 0;

  /**
   * @param newBuffer makes the slabs
   * @param dropped is told of every slab that is given up
   */
  constructor(
    private readonly capBytes: number,
    private readonly newBuffer = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes),
    private readonly dropped?: (buffer: ArrayBuffer) => void,
  ) {}

  /** A block of at least so many bytes, with any contents. */
  take(bytes: number): Block {
    const size = Math.ceil(bytes / GRAIN) * GRAIN;
    const { slab, range } = this.tightest(size) ?? this.grow(size);
    const block = { buffer: slab.buffer, offset: range.offset, bytes: size };
    range.offset += size;
    range.bytes -= size;
    if (range.bytes === 0) slab.free.splice(slab.free.indexOf(range), 1);
    this.freeBytes -= size;
    return block;
  }

  /** Takes a block back, once. */
  give({ buffer, offset, bytes }: Block): void {
    const slab = this.slabs.get(buffer)!;
    insert(slab.free, { offset, bytes });
    this.freeBytes += bytes;
    if (this.freeBytes > this.capBytes) this.drop(slab);
  }

  /** Whether this memory is the arena's, to be used again some day. */
  owns(buffer: ArrayBufferLike): boolean {
    return this.slabs.has(buffer);
  }

  /** Gives all slabs without a tensor back to the system and says how many bytes that were. */
  drain(): number {
    const before = this.heldBytes;
    for (const slab of this.slabs.values()) this.drop(slab);
    return before - this.heldBytes;
  }

  statistics(): ArenaStatistics {
    const { heldBytes, freeBytes, capBytes } = this;
    return { heldBytes, freeBytes, capBytes };
  }

  private tightest(size: number): { slab: Slab; range: Range } | undefined {
    let tightest: { slab: Slab; range: Range } | undefined;
    for (const slab of this.slabs.values()) {
      for (const range of slab.free) {
        if (range.bytes >= size && range.bytes < (tightest?.range.bytes ?? Infinity)) tightest = { slab, range };
      }
    }
    return tightest;
  }

  /** Doubles what is held, within bounds. */
  private grow(size: number): { slab: Slab; range: Range } {
    const bytes = Math.max(size, Math.min(LARGEST_SLAB, Math.max(SMALLEST_SLAB, this.heldBytes)));
    const range = { offset: 0, bytes };
    const slab = { buffer: this.allocate(bytes), free: [range] };
    this.slabs.set(slab.buffer, slab);
    this.heldBytes += bytes;
    this.freeBytes += bytes;
    return { slab, range };
  }

  private drop({ buffer, free }: Slab): void {
    if (free.length !== 1 || free[0].bytes !== buffer.byteLength) return;
    this.slabs.delete(buffer);
    this.heldBytes -= buffer.byteLength;
    this.freeBytes -= buffer.byteLength;
    this.dropped?.(buffer);
  }

  private allocate(bytes: number): ArrayBuffer {
    try {
      return this.newBuffer(bytes);
    } catch {
      this.drain();
    }
    try {
      return this.newBuffer(bytes);
    } catch (cause) {
      const { rss } = process.memoryUsage();
      throw new RangeError(
        `out of memory: no ${megabytes(bytes)} for tensors, the process holds ${megabytes(rss)}; ` +
          'use a smaller batch or shorter sequences, accumulate gradients, or recompute activations',
        { cause },
      );
    }
  }
}

/** Inserts a range by its offset and joins it with its neighbours. */
function insert(ranges: Range[], range: Range): void {
  let at = 0;
  for (let end = ranges.length; at < end;) {
    const middle = (at + end) >> 1;
    if (ranges[middle].offset < range.offset) at = middle + 1;
    else end = middle;
  }
  const [before, after] = [ranges[at - 1], ranges[at]];
  const joinsBefore = before !== undefined && before.offset + before.bytes === range.offset;
  const joinsAfter = after !== undefined && range.offset + range.bytes === after.offset;
  if (joinsBefore) before.bytes += range.bytes + (joinsAfter ? after.bytes : 0);
  else if (joinsAfter) Object.assign(after, { offset: range.offset, bytes: after.bytes + range.bytes });
  else ranges.splice(at, 0, range);
  if (joinsBefore && joinsAfter) ranges.splice(at, 1);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
