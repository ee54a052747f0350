import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('runs the snippet of the README', async () => {
  const [{ logged }] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(logged).toEqual([
    'my-bert/model.safetensors: 37 parameters loaded (20,928 values), 0 new, 0 tensors ignored',
    '[64,32]',
  ]);
});
