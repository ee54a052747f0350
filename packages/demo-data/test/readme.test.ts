import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('shows a snippet that runs', async () => {
  const [{ logged }] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(logged).toEqual(['80 unlabeled labeled test_a']);
});
