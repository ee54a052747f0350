import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { recoverEntries, ZipReader, ZipWriter } from '../../src/zip.js';
import { testFolder } from '../folder.js';

const path = join(testFolder(), 'a.zip');
const names = ['a', 'b', 'c'];

async function part(): Promise<Buffer> {
  const writer = await ZipWriter.create(path);
  for (const name of names) await writer.add(name, Buffer.from(name.repeat(100)));
  await writer.suspend();
  return readFileSync(`${path}.part`);
}

it('gives the whole entries of an interrupted write', async () => {
  const bytes = await part();
  const { entries, end } = await recoverEntries(`${path}.part`);
  expect(entries.map(({ name }) => name)).toEqual(names);
  expect(end).toBe(bytes.length);
});

it.each([
  ['a byte of the second', 131 + 31 + 5, 1],
  ['its name', 131 + 30, 1],
  ['its method', 131 + 8, 1],
  ['its size', 131 + 22, 1],
  ['the end of the last', 3 * 131 - 1, 2],
])('ends before what is damaged: %s', async (_, at, whole) => {
  const bytes = await part();
  bytes[at] ^= 0x80;
  writeFileSync(`${path}.part`, bytes);
  const recovered = await recoverEntries(`${path}.part`);
  expect(recovered.entries.map(({ name }) => name)).toEqual(names.slice(0, whole));
  const writer = await ZipWriter.resume(path, recovered);
  for (const name of names.slice(whole)) await writer.add(name, Buffer.from(name.repeat(100)));
  await writer.finish();
  const zip = await ZipReader.open(path);
  for (const name of names) expect(Buffer.from((await zip.read(name))!).toString()).toBe(name.repeat(100));
  await zip.close();
});
