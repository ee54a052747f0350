import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('runs the snippet of the README', async () => {
  const [{ logged }] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(logged).toEqual(['[2,64] [2,16] 0']);
});
