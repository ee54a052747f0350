import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { averageParams, bestOf, keepBest } from '../src/node.js';
import { newModel, values, type Model } from './helpers.js';

let folder: string;
beforeEach(async () => {
  await tf.setBackend('cpu');
  folder = await mkdtemp(join(tmpdir(), 'best-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const offer = (step: number, score: number, params: object = newModel(step)): Promise<void> =>
  keepBest(join(folder, 'best'), { step, score, params, count: 2 });
const steps = async (): Promise<number[]> => (await bestOf(join(folder, 'best'))).map(({ step }) => step);

describe('the best measurements', () => {
  it('are kept, the best first, and no other file', async () => {
    expect(await steps()).toEqual([]);
    for (const [step, score] of [
      [10, 0.5],
      [20, 0.7],
      [30, 0.6],
      [40, 0.1],
    ])
      await offer(step, score);
    expect(await steps()).toEqual([20, 30]);
    const names = await readdir(join(folder, 'best'));
    expect(names.sort()).toEqual(['best.json', 'step-00000020.safetensors', 'step-00000030.safetensors']);
  });

  it('are the same after a resumed run measures again', async () => {
    for (const [step, score] of [
      [10, 0.5],
      [20, 0.7],
      [30, 0.6],
    ])
      await offer(step, score);
    const before = await bestOf(join(folder, 'best'));
    for (const [step, score] of [
      [20, 0.7],
      [30, 0.6],
    ])
      await offer(step, score);
    expect(await bestOf(join(folder, 'best'))).toEqual(before);
  });

  it('are the later ones of equals, and never one without a number', async () => {
    for (const [step, score] of [
      [10, 0.5],
      [20, 0.5],
      [30, 0.5],
      [40, NaN],
    ])
      await offer(step, score);
    expect(await steps()).toEqual([30, 20]);
  });
});

describe('averaged weights', () => {
  it('are the mean of the files', async () => {
    const models = [1, 2, 3].map((seed) => newModel(seed));
    const files: string[] = [];
    for (const [i, params] of models.entries()) {
      await keepBest(join(folder, String(i)), { step: 1, score: 1, params, count: 1 });
      files.push((await bestOf(join(folder, String(i))))[0].file);
    }
    const target = newModel(4);
    await averageParams(files, target);
    const expected = values(models[0]).map((own, k) =>
      own.map((_, i) => Math.fround(models.reduce((sum, params) => sum + values(params)[k][i], 0) / 3)),
    );
    expect(values(target)).toEqual(expected);
    await averageParams([files[1]], target);
    expect(values(target)).toEqual(values(models[1]));
  });

  it('are refused where a file does not fit, and then nothing changes', async () => {
    await offer(1, 1);
    await offer(2, 2, { body: newModel(5).body } satisfies Partial<Model>);
    const files = (await bestOf(join(folder, 'best'))).map(({ file }) => file);
    const target = newModel(4);
    const before = values(target);
    await expect(averageParams(files.reverse(), target)).rejects.toThrow(/missing: head\.weight, head\.bias/);
    expect(values(target)).toEqual(before);
    await expect(averageParams([], target)).rejects.toThrow('expected one file or more, got none');
  });
});

it.each([
  '[{"step"',
  '{}',
  'null',
  '[{"step": 1}]',
  '[{"step": "1", "score": 2}]',
  '[null]',
  '[{"step": 1.5, "score": 2}]',
])('a damaged list is refused with its name and what to do: %s', async (text) => {
  await writeFile(join(folder, 'best.json'), text);
  await expect(bestOf(folder)).rejects.toThrow(/best\.json: expected .*, got something else/);
});
