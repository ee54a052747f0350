import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withoutPrefixes } from '../../src/index.js';
import { openPytorch, openWeights } from '../../src/node.js';
import { readPytorch } from '../../src/pytorch/pytorch-file.js';
import { pickled, zipFile } from './craft.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const expected = JSON.parse(readFileSync(fixture('training.json'), 'utf8')) as Record<'weight' | 'bias', number[]>;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'training-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a training’s checkpoint', () => {
  it.each([
    ['training-zip.bin', {}],
    ['training-legacy.bin', {}],
    ['training-named.bin', { entry: 'model_image' }],
  ])('%s gives its state dict, beside an optimizer and a score of numpy', async (name, options) => {
    const file = await openPytorch(fixture(name), options);
    expect([...file.tensors.keys()]).toEqual(['module.weight', 'module.bias']);
    const plain = withoutPrefixes(file);
    for (const path of ['weight', 'bias'] as const) {
      const { data } = await plain.read(path);
      expect([...data].map((value) => value.toFixed(6))).toEqual(expected[path].map((value) => value.toFixed(6)));
    }
    expect(plain.tensors.get('weight')?.shape).toEqual([3, 2]);
    await plain.close();
  });

  it('names the entries that could be meant', async () => {
    await expect(openPytorch(fixture('training-named.bin'))).rejects.toThrow(
      /got a number under "epoch": name one of its entries: model_image/,
    );
    await expect(openPytorch(fixture('training-named.bin'), { entry: 'model' })).rejects.toThrow(
      /model: expected a state dict \(name to tensor\), got nothing/,
    );
  });

  it('cannot lead in a circle', async () => {
    const deep = ['model', 'model', 'model', 'model', 'model'].reduce((inner, name) => {
      return Buffer.concat([Buffer.from('}('), pickled.text(name), inner, Buffer.from('u')]);
    }, pickled.int(1));
    const bytes = zipFile(Buffer.concat([Buffer.from([0x80, 2]), deep, Buffer.from('.')]), {});
    const read = async (start: number, length: number) => new Uint8Array(bytes.subarray(start, start + length));
    const source = { path: 'x.bin', size: bytes.length, read, close: async () => undefined };
    await expect(readPytorch(source)).rejects.toThrow(/expected a state dict/);
  });
});

describe('a folder', () => {
  it.each(['model_epoch_3.bin', 'last.ckpt'])('may hold one file of weights, beside an optimizer: %s', async (name) => {
    await cp(fixture('training-zip.bin'), join(folder, name));
    await writeFile(join(folder, 'optimizer.pt'), 'x');
    const file = await openWeights(folder);
    expect(file.path).toBe(join(folder, name));
    await file.close();
  });

  it('with several wants one named', async () => {
    await cp(fixture('training-zip.bin'), join(folder, 'a.bin'));
    await cp(fixture('training-named.bin'), join(folder, 'b.pth'));
    await expect(openWeights(folder)).rejects.toThrow(/got a\.bin, b\.pth: choose one of them/);
    const file = await openWeights(folder, { file: 'b.pth', entry: 'model_image' });
    expect(file.tensors.size).toBe(2);
    await file.close();
  });
});
