import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';

it('runs the snippets of the README', async () => {
  const [ranks, manifests] = await runSnippets(resolve(import.meta.dirname, '..'));
  expect(ranks.logged).toEqual(['1 true [1,2,3] 7']);
  expect(manifests.logged).toEqual(['Job 16 MPIJob 2']);
});
