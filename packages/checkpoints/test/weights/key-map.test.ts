import { expect, it } from 'vitest';
import { matchesPattern, tensorShape, toParameter, toTensor } from '../../src/index.js';

const values = Float32Array.from({ length: 30 }, (_, i) => i);

it('transposes a dense layer both ways', () => {
  const entry = { path: 'a', names: ['b'], permute: [1, 0] } as const;
  expect(tensorShape(entry, [2, 3])).toEqual([3, 2]);
  const theirs = Float32Array.of(1, 2, 3, 4, 5, 6);
  expect(toParameter(entry, theirs, [3, 2])).toEqual(Float32Array.of(1, 3, 5, 2, 4, 6));
  expect(toTensor(entry, Float32Array.of(1, 3, 5, 2, 4, 6), [3, 2])).toEqual(theirs);
});

it('permutes any number of axes and back', () => {
  const entry = { path: 'a', names: ['b'], permute: [2, 0, 1], shape: [2, 3, 5] } as const;
  expect(tensorShape(entry, [5, 6])).toEqual([2, 3, 5]);
  const ours = toParameter(entry, values, entry.shape);
  // Ours [k, i, j] is theirs [i, j, k].
  expect(ours[(4 * 2 + 1) * 3 + 2]).toBe((1 * 3 + 2) * 5 + 4);
  expect([...ours.slice(0, 7)]).toEqual([0, 5, 10, 15, 20, 25, 1]);
  expect(toTensor(entry, ours, entry.shape)).toEqual(values);
});

it('matches whole names by parts', () => {
  const names = [
    'pooler.dense.bias',
    'bert.pooler.dense.bias',
    'bert.pooler',
    'bert.poolers.x',
    'cls.predictions.bias',
  ];
  const matches = (pattern: string): string[] => names.filter((name) => matchesPattern(pattern, name));
  expect(matches('{bert.,}pooler.**')).toEqual(names.slice(0, 2));
  expect(matches('**.bias')).toEqual([names[0], names[1], names[4]]);
  expect(matches('cls.*')).toEqual([]);
  expect(matches('cls.*.bias')).toEqual([names[4]]);
  expect(() => matchesPattern('{a', 'a')).toThrow(/as many '}' as '{'/);
});
