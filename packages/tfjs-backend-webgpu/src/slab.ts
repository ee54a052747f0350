/** Several tensors in one buffer, so that one dispatch reaches them all. Given back when the last has left. */
export class Slab {
  #members = 0;

  /** @param bytes of the buffer that tensors may lie in: it may be larger, and than a binding may be */
  constructor(
    readonly buffer: GPUBuffer,
    readonly bytes: number,
    readonly release: () => void,
  ) {}

  enter(): void {
    this.#members++;
  }

  leave(): void {
    if (--this.#members === 0) this.release();
  }
}

/** Where a tensor lies, offset in bytes. */
export interface Place {
  readonly slab: Slab;
  readonly offset: number;
}
