import { expect, it } from 'vitest';
import { BufferPool } from '../src/pool.js';

const KIB = 1024;

it('gives a returned buffer out again, for sizes a little different too', () => {
  const pool = new BufferPool(100 * KIB);
  const first = pool.take(20_011);
  expect(first.byteLength).toBeGreaterThanOrEqual(20_011);
  expect(first.byteLength).toBeLessThan(20_011 * 1.125);
  pool.give(first);
  expect(pool.take(20_003)).toBe(first);
  expect(pool.statistics()).toMatchObject({ freeBytes: 0, allocated: 1, reused: 1 });
});

it('gives out a buffer up to half as large again before it allocates', () => {
  const pool = new BufferPool(100 * KIB);
  const large = pool.take(24 * KIB);
  pool.give(large);
  expect(pool.take(15 * KIB)).not.toBe(large);
  expect(pool.take(16 * KIB)).toBe(large);
  expect(pool.statistics()).toMatchObject({ freeBytes: 0, reused: 1 });
});

it('takes nothing that it did not give, that is shared, or that it has already', () => {
  const pool = new BufferPool(100 * KIB);
  pool.give(new ArrayBuffer(8 * KIB));
  const shared = pool.take(8 * KIB);
  pool.share(shared);
  pool.give(shared);
  expect(pool.statistics().freeBytes).toBe(0);
  const twice = pool.take(8 * KIB);
  pool.give(twice);
  pool.give(twice);
  expect(pool.statistics().freeBytes).toBe(8 * KIB);
});

it('leaves small arrays to the garbage collector', () => {
  const pool = new BufferPool(100 * KIB);
  const small = pool.take(13);
  expect(small.byteLength).toBe(13);
  pool.give(small);
  expect(pool.statistics()).toMatchObject({ freeBytes: 0, allocated: 0 });
});

it('keeps no more than its cap, dropping the size that was used last the longest ago', () => {
  const pool = new BufferPool(24 * KIB);
  const [a, b, c] = [8, 16, 10].map((size) => pool.take(size * KIB));
  pool.give(a);
  pool.give(b);
  expect(pool.statistics().freeBytes).toBe(24 * KIB);
  pool.give(c); // drops a, then b
  expect(pool.statistics().freeBytes).toBe(10 * KIB);
  expect(pool.take(10 * KIB)).toBe(c);
  expect(pool.take(8 * KIB)).not.toBe(a);
  const large = pool.take(32 * KIB);
  pool.give(large);
  expect(pool.statistics().freeBytes).toBe(0);
});

it('drains', () => {
  const pool = new BufferPool(100 * KIB);
  [8, 16].map((size) => pool.take(size * KIB)).forEach((buffer) => pool.give(buffer));
  expect(pool.drain()).toBe(24 * KIB);
  expect(pool.drain()).toBe(0);
});

it('says what to do when memory is out', () => {
  const pool = new BufferPool(0);
  expect(() => pool.take(2 ** 52)).toThrow(/out of memory: no [\d.]+ MB for a tensor.*smaller batch/);
});
