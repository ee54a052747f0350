import { expect, it } from 'vitest';
import { prefetch } from '../../src/dataset/prefetch.js';

it('reads ahead, each step once, and not beyond the last', async () => {
  const loaded: number[] = [];
  const batchAt = prefetch((step) => (loaded.push(step), Promise.resolve(step * 10)), { ahead: 2, last: 4 });
  expect(await batchAt(0)).toBe(0);
  expect(loaded).toEqual([0, 1, 2]);
  for (let step = 1; step <= 4; step++) expect(await batchAt(step)).toBe(step * 10);
  expect(loaded).toEqual([0, 1, 2, 3, 4]);
  expect(await batchAt(1)).toBe(10); // a jump back
  expect(loaded.slice(5)).toEqual([1, 2, 3]);
});

it('keeps an error for the step it belongs to', async () => {
  const batchAt = prefetch((step) => (step === 1 ? Promise.reject(new Error('bad')) : Promise.resolve(step)));
  expect(await batchAt(0)).toBe(0);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await expect(batchAt(1)).rejects.toThrow('bad');
  expect(await batchAt(2)).toBe(2);
});
