import { expect, it } from 'vitest';
import { fuseRankings } from '@wbdc/search';

it('adds up reciprocal ranks, as by hand', () => {
  const fused = fuseRankings([
    ['a', 'b', 'c'],
    ['c', 'b'],
  ]);
  expect(fused.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
  expect(fused.map(({ score }) => score)).toEqual([1 / 63 + 1 / 61, 1 / 62 + 1 / 62, 1 / 61]);
});

it('weighs rankings', () => {
  const [first] = fuseRankings([['a'], ['b']], [1, 2]);
  expect(first).toEqual({ id: 'b', score: 2 / 61 });
});

it('keeps the order in which equals were met', () => {
  expect(fuseRankings([['x'], ['y']]).map(({ id }) => id)).toEqual(['x', 'y']);
  expect(fuseRankings([])).toEqual([]);
});
