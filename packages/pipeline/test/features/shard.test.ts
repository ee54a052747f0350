import { expect, it } from 'vitest';
import { shardOfList } from '../../src/features/shard.js';

it('divides a list without gaps, equally to one', () => {
  const list = Array.from({ length: 23 }, (_, i) => i);
  for (const count of [2, 5, 23, 30]) {
    const shards = Array.from({ length: count }, (_, index) => shardOfList(list, { index, count }));
    expect(shards.flat()).toEqual(list);
    const sizes = shards.map(({ length }) => length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
  }
  expect(shardOfList(list, undefined)).toBe(list);
});
