import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('runs the snippets of the README', async () => {
  const [files, browser] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(files.logged).toEqual(['[2,12] [2,32,8]']);
  expect(browser.logged).toEqual(['[2,3,8]']);
});
