import { expect, it } from 'vitest';
import { Arena, type Block } from '../src/arena.js';

const MIB = 2 ** 20;

/** A sequence of numbers in [0, 1), the same on every run. */
function draws(): () => number {
  let state = 12345;
  return () => (state = (Math.imul(state, 1103515245) + 12345) >>> 1) / 2 ** 31;
}

it('lends apart what is in use, and the same memory again, to other sizes too', () => {
  const arena = new Arena(64 * MIB);
  const [a, b] = [arena.take(MIB), arena.take(MIB)];
  expect(a.buffer).toBe(b.buffer);
  expect(Math.abs(a.offset - b.offset)).toBeGreaterThanOrEqual(MIB);
  arena.give(a);
  const [c, d] = [arena.take(MIB / 4 + 1), arena.take(MIB / 2)];
  expect([c.offset, d.offset].every((offset) => offset >= a.offset && offset < a.offset + MIB)).toBe(true);
});

it('takes the tightest free range', () => {
  const arena = new Arena(64 * MIB);
  const blocks = [5, 1, 2, 1, 3, 1].map((size) => arena.take(size * MIB));
  for (const i of [0, 2, 4]) arena.give(blocks[i]);
  expect(arena.take(1.5 * MIB).offset).toBe(blocks[2].offset);
  expect(arena.take(2.5 * MIB).offset).toBe(blocks[4].offset);
});

it('never lends memory twice, and joins what comes back, in any order', () => {
  const arena = new Arena(Infinity);
  const draw = draws();
  const lent: Block[] = [];
  for (let i = 0; i < 5000; i++) {
    if (lent.length > 40 || (lent.length > 0 && draw() < 0.45)) {
      arena.give(lent.splice(Math.floor(draw() * lent.length), 1)[0]);
      continue;
    }
    const block = arena.take(Math.ceil(draw() ** 3 * 3 * MIB));
    const overlapping = lent.filter(
      ({ buffer, offset, bytes }) =>
        buffer === block.buffer && offset < block.offset + block.bytes && block.offset < offset + bytes,
    );
    expect(overlapping).toEqual([]);
    lent.push(block);
  }
  const { heldBytes } = arena.statistics();
  expect(heldBytes).toBeLessThan(128 * MIB);
  for (const block of lent) arena.give(block);
  expect(arena.statistics()).toMatchObject({ heldBytes, freeBytes: heldBytes });
  expect(arena.drain()).toBe(heldBytes);
});

it('gives slabs back to the system above its cap, and those that nobody uses when asked', () => {
  const arena = new Arena(20 * MIB);
  const [a, b] = [arena.take(16 * MIB), arena.take(16 * MIB)];
  expect([a, b].every(({ buffer }) => arena.owns(buffer))).toBe(true);
  arena.give(a);
  expect(arena.statistics()).toMatchObject({ heldBytes: 32 * MIB, freeBytes: 16 * MIB });
  arena.give(b);
  expect(arena.statistics()).toMatchObject({ heldBytes: 16 * MIB, freeBytes: 16 * MIB });
  expect(arena.owns(b.buffer)).toBe(false);
  const c = arena.take(MIB);
  expect(arena.drain()).toBe(0);
  arena.give(c);
  expect(arena.drain()).toBe(16 * MIB);
  expect(arena.drain()).toBe(0);
});

it('says what to do when memory is out', () => {
  expect(() => new Arena(0).take(2 ** 52)).toThrow(/out of memory: no [\d.]+ MB for tensors.*smaller batch/);
});
