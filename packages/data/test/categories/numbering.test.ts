import { describe, expect, it } from 'vitest';
import { numberCategories } from '../../src/categories/numbering.js';

describe('categories', () => {
  const ids = (paths: string[][], known = {}) => {
    const { names, idOf } = numberCategories(paths, known);
    return { names, ids: paths.map(idOf) };
  };

  it('are numbered in two levels, and keep their numbers when more come', () => {
    const first = ids([['b', 'y'], ['a'], ['b', 'x'], ['b', 'y']]);
    expect(first.ids).toEqual(['0101', '0000', '0100', '0101']);
    expect(first.names['0100']).toMatchObject({ group: { zh: 'b' }, subgroup: { zh: 'x' } });
    const later = ids([['a', 'new'], ['aa', 'z'], ['b', 'w'], ['b', 'y'], ['a']], first.names);
    expect(later.ids).toEqual(['0001', '0200', '0102', '0101', '0000']);
    expect(Object.keys(later.names)).toEqual(['0000', '0001', '0100', '0101', '0102', '0200']);
  });

  it('stay where they are official ids, and run on where one level is long', () => {
    expect(ids([['0905'], ['2223']]).ids).toEqual(['0905', '2223']);
    const many = ids(Array.from({ length: 120 }, (_, i) => [`c${String(i).padStart(3, '0')}`]));
    expect([many.ids[0], many.ids[119]]).toEqual(['0000', '0119']);
  });

  it('are refused where four digits do not hold them', () => {
    expect(() => ids(Array.from({ length: 101 }, (_, i) => ['a', `${i}`]))).toThrow("at most 100 within 'a', got more");
    expect(() => ids(Array.from({ length: 101 }, (_, i) => [`${i}`, 'x']))).toThrow('at most 100 on level 1, got 101');
  });
});
