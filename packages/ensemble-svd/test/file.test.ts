import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fit } from '@wbdc/ensemble-svd';
import { load, save } from '@wbdc/ensemble-svd/node';
import { models, WEIGHTS } from './noise.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ensemble-'));
  file = join(folder, 'svd.safetensors');
});
afterEach(() => rm(folder, { recursive: true }));

const fitted = () => fit(models(29, 5), { dimension: 4, weights: WEIGHTS });

test('what is saved loads again, bit for bit, and no other file is left', async () => {
  const ensemble = await fitted();
  await save(ensemble, file);
  expect(await load(file)).toEqual(ensemble);
  expect(await readdir(folder)).toEqual(['svd.safetensors']);
});

test('the layout of safetensors', async () => {
  await save(await fitted(), file);
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length));
  expect(header['components']).toEqual({ dtype: 'F64', shape: [4, 23], data_offsets: [0, 736] });
  expect(header['singular_values']).toEqual({ dtype: 'F64', shape: [4], data_offsets: [736, 768] });
  expect(bytes).toHaveLength(8 + length + 768);
  expect(length % 8).toBe(0);
});

test('errors', async () => {
  await save(await fitted(), file);
  const good = await readFile(file);
  const loading = async (bytes: Buffer) => {
    await writeFile(file, bytes);
    return load(file);
  };
  const replaced = (from: string, to: string) => Buffer.from(good.toString('latin1').replace(from, to), 'latin1');
  await expect(load(join(folder, 'none'))).rejects.toThrow('ENOENT');
  await expect(loading(good.subarray(0, 5))).rejects.toThrow('written by save(), got 5 bytes');
  await expect(loading(good.subarray(0, 50))).rejects.toThrow(/got a header of \d+ bytes in a file of 50/);
  await expect(loading(good.subarray(0, -8))).rejects.toThrow('singular_values: expected F64 [4] within 760 bytes');
  await expect(loading(replaced('wbdc-svd-ensemble-1', 'wbdc-svd-ensemble-2'))).rejects.toThrow(
    '__metadata__.format: expected \'wbdc-svd-ensemble-1\', got "wbdc-svd-ensemble-2"',
  );
  for (const [from, to] of [
    ['{\\"names', 'x\\"names'],
    ['widths', 'wodths'],
  ]) {
    await expect(loading(replaced(from, to))).rejects.toThrow(
      '__metadata__.ensemble: expected the names, widths and weights',
    );
  }
  await expect(loading(replaced('"__meta', ' __meta'))).rejects.toThrow('got a header that is not JSON');
  await expect(loading(replaced('[4,23]', '[4,22]'))).rejects.toThrow('components: expected F64 [4, 22]');
  await expect(loading(replaced('[7,11,5]', '[7,11,6]'))).rejects.toThrow('components: expected 4 x 24 values');
  const broken = Buffer.from(good);
  broken.writeDoubleLE(Number.NaN, broken.length - 16);
  await expect(loading(broken)).rejects.toThrow('singular_values[2]: expected a finite number, got NaN');
});
