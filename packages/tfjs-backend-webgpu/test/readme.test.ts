import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { WEBGPU } from '../../../tools/testing.js';
import { runSnippets } from '../../../tools/readme.js';

test('the snippet of the README runs, with a GPU or without, and prints what it says', async () => {
  const [run] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(run.logged[0]).toContain(WEBGPU ? `on ${WEBGPU}` : 'without a GPU: ');
  expect(run.logged[1]).toBe('[256,256,256,256,256,256]');
});
