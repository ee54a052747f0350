import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

test('the snippet of the README runs, with TensorFlow or without, and prints what it says', async () => {
  const [run] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(run.logged.at(-1)).toBe('[256,256,256,256,256,256]');
});
