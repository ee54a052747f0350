import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { LONG, longFirst } from '../longest-first.js';

const ROOT = resolve(import.meta.dirname, '../..');

it('names files that are there', () => {
  expect(LONG.filter((file) => !existsSync(resolve(ROOT, file)))).toEqual([]);
});

it('puts long files before the others, whose order stays', () => {
  const files = ['b.test.ts', LONG[3], 'a.test.ts', LONG[1]].map((file) => ({ moduleId: `${ROOT}/${file}` }));
  const order = longFirst(files).map(({ moduleId }) => moduleId.slice(ROOT.length + 1));
  expect(order).toEqual([LONG[1], LONG[3], 'b.test.ts', 'a.test.ts']);
});
