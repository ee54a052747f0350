import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

test('the snippet of the README runs and prints what it says', async () => {
  const [run] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(run.logged).toEqual(['1', '4 3']);
});
