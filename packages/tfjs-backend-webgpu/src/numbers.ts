import type { Region } from './region.js';

/** Words of one dispatch, and the next of the same hash. */
interface Kept {
  readonly words: Uint32Array;
  readonly region: Region;
  readonly next: Kept | undefined;
}

/**
 * The numbers of dispatches, each list of them once: a dispatch is then bound to its own place in a buffer, which costs
 * the host less than an offset of its own each time, and they need not travel again.
 */
export class KeptNumbers {
  readonly buffer: GPUBuffer;
  readonly #known = new Map<number, Kept>();
  #at = 0;

  constructor(
    readonly device: GPUDevice,
    /** Called before places are given anew: commands so far must be on their way, and nothing bound to one remain. */
    readonly onFull: () => void,
    readonly bytes = 1 << 20,
  ) {
    this.buffer = device.createBuffer({
      label: 'wbdc numbers of kernels that stay',
      size: bytes,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** Where the first `count` words are. */
  regionOf(words: Uint32Array<ArrayBuffer>, count: number): Region {
    let hash = count;
    for (let i = 0; i < count; i++) hash = (Math.imul(hash, 31) + words[i]) | 0;
    const first = this.#known.get(hash);
    for (let kept = first; kept; kept = kept.next) if (same(kept.words, words, count)) return kept.region;
    return this.#keep(words.slice(0, count), hash);
  }

  #keep(words: Uint32Array<ArrayBuffer>, hash: number): Region {
    const alignment = this.device.limits.minUniformBufferOffsetAlignment;
    const room = Math.ceil(words.byteLength / alignment) * alignment;
    if (this.#at + room > this.bytes) {
      this.onFull();
      this.#known.clear();
      this.#at = 0;
    }
    const offset = this.#at;
    this.#at += room;
    this.device.queue.writeBuffer(this.buffer, offset, words);
    const region = { buffer: this.buffer, offset, bytes: words.byteLength };
    this.#known.set(hash, { words, region, next: this.#known.get(hash) });
    return region;
  }
}

function same(a: Uint32Array, b: Uint32Array, count: number): boolean {
  if (a.length !== count) return false;
  for (let i = 0; i < count; i++) if (a[i] !== b[i]) return false;
  return true;
}
