import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('runs the snippet of the README', async () => {
  const [{ logged }] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(logged).toEqual(['0.96', '0.9486832980505138', '[0.6666666666666666,0.6666666666666666]', '1', 'true', '0.5']);
});
