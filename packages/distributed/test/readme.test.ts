import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('runs the snippet of the README', async () => {
  const [{ logged }] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(logged).toEqual(['1 true [1,2,3] 7']);
});
