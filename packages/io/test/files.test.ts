import { mkdirSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileError, WbdcError } from '../src/errors.js';
import { exists, fileError, readIfThere, readJson, readRange, sizeOnDisk } from '../src/index.js';
import { testFolder } from './folder.js';

const folder = testFolder();
const path = join(folder, 'a.json');
writeFileSync(path, '{"视": [1]}');
mkdirSync(join(folder, 'deep/deeper'), { recursive: true });
writeFileSync(join(folder, 'deep/deeper/b'), Buffer.alloc(7));
writeFileSync(join(folder, 'deep/c'), Buffer.alloc(11));

it('tells what is there from what is not', async () => {
  expect(await Promise.all([path, folder, join(folder, 'no'), join(path, 'no')].map(exists))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(await readIfThere(path)).toBe('{"视": [1]}');
  expect(await readIfThere(join(folder, 'no'))).toBeUndefined();
  expect(await readIfThere(join(path, 'no'))).toBeUndefined();
  await expect(readIfThere(folder)).rejects.toThrow(`cannot read ${folder}: a folder stands there`);
});

it('adds up the sizes below a folder', async () => {
  expect(await sizeOnDisk(join(folder, 'deep'))).toBe(18);
  expect(await sizeOnDisk(join(folder, 'deep/c'))).toBe(11);
  expect(await sizeOnDisk(join(folder, 'no'))).toBe(0);
});

it('reads JSON, or says what is wrong with it', async () => {
  expect(await readJson(path)).toEqual({ 视: [1] });
  await expect(readJson(join(folder, 'deep/c'))).rejects.toThrow(/c: expected JSON, got something else$/);
  await expect(readJson(join(folder, 'no'))).rejects.toThrow(/^cannot open .*no: no such file or folder/);
});

it('reads a range of a file, and says where it ends', async () => {
  const file = await open(path);
  expect(Buffer.from(await readRange(file, 2, 3, path)).toString()).toBe('视');
  expect(await readRange(file, 13, 0, path)).toHaveLength(0);
  await expect(readRange(file, 10, 9, path)).rejects.toThrow(/a\.json: expected 19 bytes, got 12: the file is cut/);
  await file.close();
});

it('puts the words of the system in its own, once', async () => {
  const cause = await readFile('/nowhere/x').catch((error: unknown) => error);
  const error = fileError('open', '/nowhere/x', cause);
  expect(error).toBeInstanceOf(WbdcError);
  expect(error).toMatchObject({ message: 'cannot open /nowhere/x: no such file or folder: check the path', cause });
  expect(error).toBeInstanceOf(FileError);
  expect(error).toMatchObject({ code: 'ENOENT', task: 'cannot open /nowhere/x' });
  expect(fileError('write', '/other', error)).toBe(error);
  const plain = new RangeError('not of the system');
  expect(fileError('open', 'x', plain)).toBe(plain);
  expect(fileError('open', 'x', 'a text').message).toBe('a text');
});
