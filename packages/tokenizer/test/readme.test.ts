import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

test('the snippet of the README runs and prints what it says', async () => {
  const [run] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(run.logged).toEqual(['[CLS] 猫 的 vlog [SEP] 狗 [SEP] [SEP]', '{"field":"title","start":1,"end":4}']);
});
