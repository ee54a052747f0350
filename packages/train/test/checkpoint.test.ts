import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { writeSafetensors } from '@wbdc/checkpoints/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  findCheckpoint,
  hasCheckpoint,
  loadCheckpoint,
  loadParams,
  saveCheckpoint,
  saveStepCheckpoint,
} from '../src/node.js';
import type { CheckpointContent } from '../src/node.js';
import { newModel, newOptimizer, values, type Model } from './helpers.js';

let folder: string;
let params: Model;
beforeEach(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  params = newModel();
});
afterEach(async () => {
  for (const end of release) end();
  release = [];
  await rm(folder, { recursive: true, force: true });
});

const config = { model: { layers: 2, width: 7 }, out: 'runs/a' };
const at = (step: number, tree: object = params): CheckpointContent => {
  return { params: tree, config, state: { step, seed: 13, cursor: { epoch: 3 } } };
};

/** Ends the killed saves of a test, so that they close their files. */
let release: (() => void)[] = [];

/** A save that is killed half way: from some parameter on, nothing happens any more. */
async function killedSave(target: string): Promise<void> {
  const data = () => new Promise<Float32Array>((_, reject) => release.push(() => reject(new Error('killed'))));
  const stuck = Object.assign(tf.variable(tf.zeros([3])), { data });
  void saveCheckpoint(target, at(9, { ...params, stuck })).catch(() => undefined);
  while (release.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a checkpoint', () => {
  it('holds the files of the contract and gives all back', async () => {
    const optimizer = newOptimizer(params, 0.5);
    optimizer.update(new Map([['head.bias', tf.tensor1d([1, -2])]]), { factor: 1 });
    await writeFile(join(folder, 'vocab.txt'), '[PAD]\n');
    const target = join(folder, 'a', 'checkpoint');
    await saveCheckpoint(target, { ...at(5), optimizer, files: [join(folder, 'vocab.txt')] });
    expect((await readdir(target)).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'optimizer.safetensors',
      'state.json',
      'vocab.txt',
    ]);
    expect(JSON.parse(await readFile(join(target, 'state.json'), 'utf8'))).toEqual({
      format: 1,
      step: 5,
      seed: 13,
      cursor: { epoch: 3 },
    });
    const other = newModel(2);
    const second = newOptimizer(other, 0.5);
    expect(await loadCheckpoint(target, { params: other, optimizer: second, config: { model: config.model } })).toEqual(
      {
        step: 5,
        seed: 13,
        cursor: { epoch: 3 },
      },
    );
    expect(values(other)).toEqual(values(params));
    for (const each of [optimizer, second]) each.update(new Map([['head.bias', tf.tensor1d([3, 5])]]), { factor: 1 });
    expect(values(other)).toEqual(values(params));
    expect(await second.withAverages(() => values(other))).toEqual(await optimizer.withAverages(() => values(params)));
  });

  it('is the same to the last byte when saved twice', async () => {
    const optimizer = newOptimizer(params);
    for (const name of ['a', 'b']) await saveCheckpoint(join(folder, name), { ...at(5), optimizer });
    for (const name of await readdir(join(folder, 'a'))) {
      expect(await readFile(join(folder, 'a', name)), name).toEqual(await readFile(join(folder, 'b', name)));
    }
  });

  it('says which key of the configuration differs', async () => {
    await saveCheckpoint(join(folder, 'a'), at(5));
    const wanted = { model: { layers: 12, width: 7, heads: 2 } };
    await expect(loadCheckpoint(join(folder, 'a'), { params, config: wanted })).rejects.toThrow(
      /config\.json: .*another configuration: model\.layers: expected 12, got 2; model\.heads: expected 2, got nothing/,
    );
  });

  it('says which parameters do not fit, and then changes nothing', async () => {
    await saveCheckpoint(join(folder, 'a'), at(5));
    const { body, head } = newModel(2);
    const other = { body: { ...body, bias: tf.variable(tf.zeros([11])) }, tail: head };
    const before = values(other as unknown as Model);
    await expect(loadCheckpoint(join(folder, 'a'), { params: other })).rejects.toThrow(
      new RegExp(
        'model\\.safetensors: .*missing: tail\\.weight, tail\\.bias; not expected: head\\.\\w+, head\\.\\w+; ' +
          'other shapes: body\\.bias: expected \\[11\\], got \\[7\\]',
      ),
    );
    expect(values(other as unknown as Model)).toEqual(before);
    const averaging = newOptimizer(params, 0.5);
    await saveCheckpoint(join(folder, 'b'), { ...at(5), optimizer: newOptimizer(params) });
    await expect(loadCheckpoint(join(folder, 'b'), { params, optimizer: averaging })).rejects.toThrow(
      /missing: average\.body/,
    );
  });

  it('gives a part of its weights', async () => {
    await saveCheckpoint(join(folder, 'a'), at(5));
    const other = newModel(2);
    await loadParams(join(folder, 'a'), other.head, 'head.');
    expect(values(other).slice(2)).toEqual(values(params).slice(2));
    expect(values(other)[0]).not.toEqual(values(params)[0]);
  });

  it.each([
    ['{"format": 2, "step": 1, "seed": 1}', /expected format 1, got 2/],
    ['{"format": 1, "step": "1", "seed": 1}', /expected step to be a whole number, got 1/],
    ['{"format": 1,', /state\.json: expected JSON/],
  ])('rejects the state %s', async (text, message) => {
    await saveCheckpoint(join(folder, 'a'), at(5));
    await writeFile(join(folder, 'a', 'state.json'), text);
    await expect(loadCheckpoint(join(folder, 'a'), { params })).rejects.toThrow(message);
  });

  it('refuses weights that are whole numbers', async () => {
    await writeSafetensors(join(folder, 'x'), { bias: { data: new Int32Array(2), shape: [2] } });
    await expect(loadParams(join(folder, 'x'), { bias: params.head.bias })).rejects.toThrow(/'bias': expected float/);
  });
});

describe('whenever a save is killed or fails', () => {
  it('while writing: the earlier one stands, and the next save works', async () => {
    const target = join(folder, 'checkpoint');
    await saveCheckpoint(target, at(5));
    await killedSave(target);
    expect((await readdir(folder)).sort()).toEqual(['.checkpoint.tmp', 'checkpoint']);
    expect((await loadCheckpoint(target, { params })).step).toBe(5);
    await saveCheckpoint(target, at(9));
    expect(await readdir(folder)).toEqual(['checkpoint']);
    expect((await loadCheckpoint(target, { params })).step).toBe(9);
  });

  it('between the two renames: the old one is found, and the next save works', async () => {
    const target = join(folder, 'checkpoint');
    await saveCheckpoint(target, at(5));
    await cp(target, join(folder, '.checkpoint.tmp'), { recursive: true });
    await rename(target, join(folder, '.checkpoint.old'));
    expect((await loadCheckpoint(target, { params })).step).toBe(5);
    await saveCheckpoint(target, at(9));
    expect(await readdir(folder)).toEqual(['checkpoint']);
    expect((await loadCheckpoint(target, { params })).step).toBe(9);
  });

  it('in the first save: there is none', async () => {
    await killedSave(join(folder, 'step-00000001'));
    expect(await readdir(folder)).toEqual(['.step-00000001.tmp']);
    expect(await hasCheckpoint(folder)).toBe(false);
    await saveStepCheckpoint(folder, at(1));
    expect(await readdir(folder)).toEqual(['step-00000001']);
    expect(await hasCheckpoint(folder)).toBe(true);
  });

  it('in a series: the newest whole one is found, and leftovers go with the next save', async () => {
    for (const step of [5, 10, 15]) await saveStepCheckpoint(folder, at(step), 2);
    expect(await readdir(folder)).toEqual(['step-00000010', 'step-00000015']);
    await killedSave(join(folder, 'step-00000017'));
    await rename(join(folder, 'step-00000015'), join(folder, '.step-00000015.old'));
    expect(await findCheckpoint(folder)).toBe(join(folder, '.step-00000015.old'));
    await saveStepCheckpoint(folder, at(20), 2);
    expect((await loadCheckpoint(folder, { params })).step).toBe(20);
    await saveStepCheckpoint(folder, at(25), 2);
    expect(await readdir(folder)).toEqual(['step-00000020', 'step-00000025']);
  });

  it('on a full disk: the earlier one stands and nothing is left behind', async () => {
    const target = join(folder, 'checkpoint');
    await saveCheckpoint(target, at(5));
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const leaf = Object.assign(tf.variable(tf.zeros([3])), { data: () => Promise.reject(full) });
    await expect(saveCheckpoint(target, at(9, { ...params, leaf }))).rejects.toThrow(
      /checkpoint .* was not saved, earlier ones are intact: cannot write .*: the disk is full: free some space/,
    );
    expect(await readdir(folder)).toEqual(['checkpoint']);
    expect((await loadCheckpoint(target, { params })).step).toBe(5);
  });

  it('where no folder can be: says so', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(saveCheckpoint(join(folder, 'file', 'checkpoint'), at(1))).rejects.toThrow(
      /a part of the path is a file/,
    );
    await mkdir(join(folder, 'empty'));
    await expect(findCheckpoint(join(folder, 'empty'))).rejects.toThrow(/expected a checkpoint .*got neither/);
  });
});
