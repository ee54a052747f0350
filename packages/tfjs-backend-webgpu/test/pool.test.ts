import { describe, expect, it } from 'vitest';
import { BufferPool, sizeClass } from '../src/pool.js';

/** Stands for device memory: notes what is made and given up. */
function fakeMemory() {
  const alive = new Set<GPUBuffer>();
  const create = (size: number): GPUBuffer => {
    const buffer = { size, destroy: () => void alive.delete(buffer) } as GPUBuffer;
    alive.add(buffer);
    return buffer;
  };
  const bytes = (): number => [...alive].reduce((sum, { size }) => sum + size, 0);
  return { create, bytes };
}

describe('a pool of buffers', () => {
  it('rounds sizes up to quarters of powers of two', () => {
    expect([1, 256, 257, 4096, 4097, 5000, 1_000_000].map(sizeClass)).toEqual([
      256, 256, 512, 4096, 5120, 5120, 1_048_576,
    ]);
    for (const bytes of [3000, 70_001, 12_345_678]) {
      expect(sizeClass(bytes)).toBeGreaterThanOrEqual(bytes);
      expect(sizeClass(bytes)).toBeLessThan(Math.max(bytes * 1.26, bytes + 256));
    }
  });

  it('gives the same buffer again for about the same size, and never one that is in use', () => {
    const { create } = fakeMemory();
    const pool = new BufferPool(create);
    const [a, b] = [pool.acquire(5000), pool.acquire(5000)];
    expect(a).not.toBe(b);
    pool.release(a);
    expect(pool.acquire(4700)).toBe(a);
    expect(pool.acquire(4700)).not.toBe(b);
    expect(pool.statistics().used).toBe(3 * 5120);
  });

  it('keeps what pending commands may still read from a writing host, until they are submitted', () => {
    const { create } = fakeMemory();
    const pool = new BufferPool(create);
    const used = pool.acquire(1000);
    pool.release(used);
    expect(pool.acquire(1000, true)).not.toBe(used);
    pool.submitted();
    expect(pool.acquire(1000, true)).toBe(used);
  });

  it('over rounds of many sizes allocates no more than half above the most in use', () => {
    const { create, bytes } = fakeMemory();
    const pool = new BufferPool(create);
    let most = 0;
    for (let round = 0; round < 5; round++) {
      for (const size of [20, 56, 28, 44, 36, 24, 52, 32, 48, 40]) {
        const buffers = Array.from({ length: 30 }, (_, i) => pool.acquire(size * 1000 * (1 + (i % 3))));
        most = Math.max(most, pool.statistics().used);
        buffers.forEach((buffer) => pool.release(buffer));
        pool.submitted();
        expect(bytes()).toBeLessThanOrEqual(1.5 * most);
      }
    }
    expect(pool.statistics()).toEqual({ used: 0, allocated: bytes(), peak: most });
    expect(pool.drain()).toBe(pool.statistics().peak > 0 ? bytes() : 0);
    pool.submitted();
    expect(bytes()).toBe(0);
  });

  it('gives steps of the same sizes the same buffers, in whatever order they were freed', () => {
    const pool = new BufferPool(fakeMemory().create);
    const step = (): GPUBuffer[] => [3000, 3000, 900, 3000, 900].map((bytes) => pool.acquire(bytes));
    const first = step();
    first.forEach((buffer) => pool.release(buffer));
    const second = step();
    [...second].reverse().forEach((buffer) => pool.release(buffer));
    expect(second.map((buffer) => first.indexOf(buffer))).toEqual([0, 1, 2, 3, 4]);
    expect(step().map((buffer) => first.indexOf(buffer))).toEqual([0, 1, 2, 3, 4]);
  });

  it('destroys nothing that pending commands name', () => {
    const { create, bytes } = fakeMemory();
    const pool = new BufferPool(create, 4096);
    pool.release(pool.acquire(4096));
    pool.acquire(1024);
    expect(bytes()).toBe(4096 + 1024);
    pool.submitted();
    expect(bytes()).toBe(1024);
  });
});
