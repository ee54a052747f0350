import { readFile, readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { runSnippets } from '../../../tools/readme.js';
import { CATEGORY, makeWorld, PRETRAINED, TOWER } from './world.js';

/** The files of a folder, by the paths that a run has them at. */
async function filesOf(folder: string, as: string): Promise<[string, Uint8Array][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Promise.all(files.map(async (path) => [join(as, relative(folder, path)), await readFile(path)]));
}

it('runs the snippet of the README', async () => {
  const { data, features } = await makeWorld();
  const run = 'runs/demo';
  const files = await Promise.all([
    filesOf(data, `${run}/data`),
    filesOf(features, `${run}/features`),
    filesOf(PRETRAINED, `${run}/pretrain`),
    filesOf(TOWER, `${run}/pretrain/tower`),
    filesOf(CATEGORY, `${run}/finetune/model`),
  ]);
  const [{ logged }] = await runSnippets(resolve(import.meta.dirname, '..'), {
    files: Object.fromEntries(files.flat()),
  });
  expect(logged).toEqual(['12 200']);
});
