import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('runs the snippets of the README', async () => {
  const runs = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(runs.map(({ logged }) => logged)).toEqual([['[1,4,128] [1,3,128] [1,128]'], ['[2,5,6,3,3,3] 0']]);
});
