import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';
import { withKernelTable } from '../src/kernel-table.js';

const folder = resolve(import.meta.dirname, '..');

test('the snippet of the README runs and prints what it says', async () => {
  const [run] = await runSnippets(folder);
  expect(run.logged).toEqual(['ort', '[3,0.5,-2]']);
});

test('the table of kernels is that of the code; if not: npm run kernel-table', () => {
  const readme = readFileSync(resolve(folder, 'README.md'), 'utf8');
  expect(readme).toBe(withKernelTable(readme));
});
