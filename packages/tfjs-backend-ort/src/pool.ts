export interface PoolStatistics {
  /** Bytes of free buffers waiting for reuse. */
  readonly freeBytes: number;
  readonly capBytes: number;
  /** Buffers allocated and reused since the start. */
  readonly allocated: number;
  readonly reused: number;
}

/** Smaller arrays come from the JavaScript heap and go to its garbage collector. */
const SMALLEST = 4096;

/**
 * Free memory by size. A training step asks for the same sizes again and again; fresh memory would have to be zeroed,
 * mapped page by page and collected each time. Above the cap the sizes not used for longest go first.
 */
export class BufferPool {
  private readonly free = new Map<number, ArrayBuffer[]>();
  private readonly lent = new WeakSet<ArrayBufferLike>();
  private freeBytes = 0;
  private allocated = 0;
  private reused = 0;

  constructor(private readonly capBytes: number) {}

  /** A buffer of at least so many bytes, with any contents. */
  take(bytes: number): ArrayBuffer {
    if (bytes < SMALLEST) return new ArrayBuffer(bytes);
    const size = sizeClass(bytes);
    const buffer = this.reuse(size) ?? this.allocate(size);
    this.lent.add(buffer);
    return buffer;
  }

  /**
   * A free buffer of the size, else one up to half as large again: batches of other lengths then share memory instead of
   * each keeping its own.
   */
  private reuse(size: number): ArrayBuffer | undefined {
    for (let fits = size; fits <= 1.5 * size; fits = sizeClass(fits + 1)) {
      const buffers = this.free.get(fits);
      if (!buffers) continue;
      const buffer = buffers.pop()!;
      if (buffers.length === 0) this.free.delete(fits);
      this.freeBytes -= fits;
      this.reused++;
      return buffer;
    }
    return undefined;
  }

  /** Takes a buffer back that {@link take} gave and nobody shares; ignores others. */
  give(buffer: ArrayBufferLike): void {
    if (!this.lent.delete(buffer)) return;
    const size = buffer.byteLength;
    if (size > this.capBytes) return;
    this.shrinkTo(this.capBytes - size);
    const buffers = this.free.get(size) ?? [];
    buffers.push(buffer as ArrayBuffer);
    this.free.delete(size); // to the end of the Map's order: used last
    this.free.set(size, buffers);
    this.freeBytes += size;
  }

  /** Someone else holds this memory too: it will not be taken back. */
  share(buffer: ArrayBufferLike): void {
    this.lent.delete(buffer);
  }

  /** Drops all free buffers and says how many bytes that were. */
  drain(): number {
    const bytes = this.freeBytes;
    this.shrinkTo(0);
    return bytes;
  }

  statistics(): PoolStatistics {
    const { freeBytes, capBytes, allocated, reused } = this;
    return { freeBytes, capBytes, allocated, reused };
  }

  private shrinkTo(bytes: number): void {
    for (const [size, buffers] of this.free) {
      while (this.freeBytes > bytes && buffers.pop()) this.freeBytes -= size;
      if (buffers.length === 0) this.free.delete(size);
      if (this.freeBytes <= bytes) return;
    }
  }

  private allocate(size: number): ArrayBuffer {
    this.allocated++;
    try {
      return new ArrayBuffer(size);
    } catch {
      this.drain();
    }
    try {
      return new ArrayBuffer(size);
    } catch (cause) {
      const { rss } = process.memoryUsage();
      throw new RangeError(
        `out of memory: no ${megabytes(size)} for a tensor, the process holds ${megabytes(rss)}; ` +
          'use a smaller batch or shorter sequences, or accumulate gradients',
        { cause },
      );
    }
  }
}

/** Eight sizes per power of two: at most an eighth is wasted, and shapes that differ a little share their buffers. */
function sizeClass(bytes: number): number {
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
