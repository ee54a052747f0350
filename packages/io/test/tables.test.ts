import { expect, it } from 'vitest';
import { Growing, IdIndex, IdTable } from '../src/tables.js';

it('a growing array keeps what it holds, and shares its memory', () => {
  const numbers = new Growing(Float64Array);
  for (let i = 0; i < 1000; i++) numbers.push(i / 2);
  numbers.append([7, 8, 9]);
  expect([numbers.length, numbers.at(999), [...numbers.subarray(1000, 1003)]]).toEqual([1003, 499.5, [7, 8, 9]]);
  const shared = numbers.share();
  expect(shared.buffer).toBeInstanceOf(SharedArrayBuffer);
  const other = Growing.of(shared);
  other.push(10);
  expect([other.length, other.at(1003), numbers.length]).toEqual([1004, 10, 1003]);
});

it('ids are numbered in their order and found again', () => {
  const ids = Array.from({ length: 5003 }, (_, i) => (i % 7 === 0 ? `视频${i}` : `${10n ** 19n + BigInt(i)}`));
  const index = new IdIndex();
  expect(ids.map((id) => index.add(id))).toEqual([...ids.keys()]);
  expect(index.add(ids[17])).toBe(-1);
  expect(ids.every((id, i) => index.get(id) === i && index.at(i) === id)).toBe(true);
  expect([index.get('no'), index.get(''), index.size]).toEqual([-1, -1, 5003]);
  expect([...IdIndex.of(structuredClone(index.share()))]).toEqual(ids);
  expect(() => index.at(5003)).toThrow('expected an index under 5003, got 5003');
  const long = 'x'.repeat(1000);
  expect([index.add(long), index.get(long), index.at(5003)]).toEqual([5003, 5003, long]);
});

it('a table keeps a row of numbers for every id', () => {
  const table = IdTable.create({ offset: Float64Array, size: Uint8Array });
  expect([table.add('a', { offset: 2 ** 40, size: 5 }), table.add('b', { offset: 1, size: 6 })]).toEqual([true, true]);
  expect(table.add('a', { offset: 0, size: 0 })).toBe(false);
  const other = IdTable.of(structuredClone(table.share()));
  expect([other.size, other.at('offset', 0), other.at('size', 1)]).toEqual([2, 2 ** 40, 6]);
});
