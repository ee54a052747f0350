import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('shows snippets that run', async () => {
  const runs = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(runs.map(({ logged }) => logged)).toEqual([['["雨中的猫"]'], ['cat true 雨中的猫']]);
});
