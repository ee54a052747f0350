import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openTrained } from '../../src/index.node.js';
import { exportTrained, findModel, openTower } from '../../src/node.js';
import { OLD, TEXTS, TOWER, VIDEO, scratchFolder } from './fixtures.js';

let run: string;
beforeAll(async () => {
  await tf.setBackend('cpu');
  run = join(await scratchFolder(), 'run');
  const at = (name: string): string => join(run, name, 'checkpoints', 'step-00000007');
  await cp(join(OLD, 'pretrained'), at('pretrain'), { recursive: true });
  await cp(join(OLD, 'similarity'), join(run, 'finetune', 'model'), { recursive: true });
  await cp(TOWER, at('clip'), { recursive: true });
  await mkdir(join(run, 'features'));
  await writeFile(join(run, 'features', 'stage.json'), JSON.stringify({ read: { clip: '../clip' } }));
  await writeFile(join(run, 'finetune', 'stage.json'), JSON.stringify({ read: { features: '../features' } }));
  await writeFile(join(run, 'pretrain', 'stage.json'), JSON.stringify({ read: { features: '../features' } }));
});

it('a run means its finished model for use, and its pretraining to learn further', async () => {
  expect(await findModel(run)).toBe(join(run, 'finetune', 'model'));
  const pretrained = join(run, 'pretrain', 'checkpoints', 'step-00000007');
  for (const path of [run, join(run, 'pretrain'), join(run, 'pretrain', 'checkpoints'), pretrained]) {
    expect(await findModel(path, { first: 'pretrain' })).toBe(pretrained);
  }
  const stage = join(run, 'finetune');
  expect(await findModel(stage, { first: 'pretrain' })).toBe(join(stage, 'model'));
});

it('a tower is that of a checkpoint, a series, its stage and its run', async () => {
  for (const name of ['clip/checkpoints/step-00000007', 'clip/checkpoints', 'clip', '.']) {
    expect((await openTower(join(run, name))).where).toContain(join('clip', 'checkpoints', 'step-00000007'));
  }
});

it('a pretrained model embeds by the mean of its states', async () => {
  await using model = await openTrained(join(run, 'pretrain'));
  const [{ embedding }] = await model.embed([{ video: VIDEO, ...TEXTS }]);
  expect(model.saved.kind).toBe('pretrained');
  expect(embedding).toHaveLength(model.saved.sizes.width);
  expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
  const [{ embedding: other }] = await model.embed([{ video: VIDEO, title: '寄' }]);
  expect(Array.from(other)).not.toEqual(Array.from(embedding));
});

describe('export', () => {
  it('writes the finished model of a run with its tower', async () => {
    const out = join(run, 'served');
    const made = await exportTrained(run, out);
    expect(await readdir(out)).toEqual(expect.arrayContaining(['model.onnx', 'tower', 'tower.onnx', 'text-encoder']));
    expect(made.map(({ path }) => path)).toContain(join(out, 'tower.onnx'));
    const onnx = (name: string): Promise<string> => readFile(join(out, name), 'latin1');
    expect(await onnx('tower.onnx')).toMatch(/pixels[^]*pooled/);
    expect(await onnx('model.onnx')).toContain('embedding');
    expect((await openTower(out)).where).toBe(join(out, 'tower'));
  });

  it('tells that there is no tower, unless one was named or none is wanted', async () => {
    const warnings: string[] = [];
    const observer = { onWarning: (line: string) => void warnings.push(line) };
    const [alone, out] = [join(OLD, 'similarity'), join(run, 'alone')];
    await exportTrained(alone, out, { observer });
    expect(warnings).toEqual([expect.stringMatching(/^without the vision tower, which is not there: .*tower/)]);
    expect(await readdir(out)).not.toContain('tower');
    await exportTrained(alone, out, { observer, tower: null });
    expect(warnings).toHaveLength(1);
    await expect(exportTrained(alone, out, { tower: join(run, 'nowhere') })).rejects.toMatchObject({
      code: 'tower-missing',
    });
    await exportTrained(alone, out, { tower: join(run, 'clip') });
    expect(JSON.parse(await readFile(join(out, 'tower', 'config.json'), 'utf8'))).toBeTruthy();
  });
});
