import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileInventory, stageInventory } from '@wbdc/pipeline/contents';
import { afterEach, beforeEach, expect, it } from 'vitest';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'wbdc-files-'))));
afterEach(() => rm(folder, { recursive: true }));

async function checkpoint(path: string, step: number, weights: string): Promise<void> {
  const where = join(folder, path, `checkpoints/step-0000000${step}`);
  await mkdir(where, { recursive: true });
  for (const name of ['config.json', 'state.json', 'optimizer.safetensors'])
    await writeFile(join(where, name), `${step}`);
  await writeFile(join(where, 'config.json'), '{}');
  await writeFile(join(where, 'model.safetensors'), weights);
}
const hashOf = async (path: string) => (await fileInventory({ it: join(folder, path) })).contents['it'];

it('takes a model for what it is, wherever it stands and however often it was saved', async () => {
  await checkpoint('run/pretrain', 1, 'abc');
  const first = await hashOf('run');
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(await hashOf('run/pretrain')).toBe(first);
  await checkpoint('run/pretrain', 2, 'abc');
  expect(await hashOf('run/pretrain/checkpoints')).toBe(first);
  await cp(join(folder, 'run/pretrain/checkpoints/step-00000002'), join(folder, 'copy'), { recursive: true });
  expect(await hashOf('copy')).toBe(first);
  await checkpoint('run/pretrain', 3, 'abd');
  expect(await hashOf('run')).not.toBe(first);
});

it('knows files, folders of files, and what is not there', async () => {
  await writeFile(join(folder, 'pairs.tsv'), 'a\tb\t1\n');
  const pairs = await hashOf('pairs.tsv');
  await writeFile(join(folder, 'pairs.tsv'), 'a\tb\t0\n');
  expect(await hashOf('pairs.tsv')).not.toBe(pairs);
  await mkdir(join(folder, 'vocab'));
  await writeFile(join(folder, 'vocab/vocab.txt'), 'a');
  const vocab = await hashOf('vocab');
  await writeFile(join(folder, 'vocab/vocab.txt'), 'b');
  expect(await hashOf('vocab')).not.toBe(vocab);
  expect(await hashOf('owner/name')).toBeUndefined();
});

it('names what a stage has made, and leaves out how', async () => {
  await checkpoint('run/pretrain', 1, 'abc');
  const stage = join(folder, 'run/pretrain');
  for (const name of ['tag_list.txt', 'stage.json', 'metrics.jsonl', 'contents.tsv'])
    await writeFile(join(stage, name), '');
  const first = await stageInventory(stage);
  expect(Object.keys(first.contents)).toEqual(['tag_list.txt', 'weights']);
  await writeFile(join(stage, 'metrics.jsonl'), '{}');
  await checkpoint('run/pretrain', 2, 'abc');
  expect((await stageInventory(stage, { known: first })).contents).toEqual(first.contents);
  await checkpoint('run/pretrain', 2, 'abd');
  expect((await stageInventory(stage, { known: first })).contents['weights']).not.toBe(first.contents['weights']);
});
