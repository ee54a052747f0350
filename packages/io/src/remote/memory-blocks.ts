/** Blocks in memory, at most so many bytes: those used longest ago go first. */
export class MemoryBlocks {
  private readonly blocks = new Map<number, Uint8Array>(); // in the order of their last use
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get(index: number): Uint8Array | undefined {
    const block = this.blocks.get(index);
    if (block === undefined) return undefined;
    this.blocks.delete(index);
    this.blocks.set(index, block);
    return block;
  }

  put(index: number, block: Uint8Array): void {
    if (block.length > this.maxBytes || this.blocks.has(index)) return;
    this.blocks.set(index, block);
    this.bytes += block.length;
    for (const [old, { length }] of this.blocks) {
      if (this.bytes <= this.maxBytes) break;
      this.blocks.delete(old);
      this.bytes -= length;
    }
  }
}
