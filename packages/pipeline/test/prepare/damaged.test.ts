import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { numberCategories, wbdcLayout } from '@wbdc/data';
import { temporaryName } from '@wbdc/io';
import { madeNothing } from '@wbdc/pipeline/stage-files';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Journal } from '../../src/prepare/journal.js';
import { readKnownCategories } from '../../src/prepare/known-categories.js';
import { checkOutFolder, openOutFolder } from '../../src/prepare/out-folder.js';

const root = mkdtempSync(join(tmpdir(), 'wbdc-damaged-'));
afterAll(() => rmSync(root, { recursive: true }));

const deep = '['.repeat(100_000);

describe('prepare.json', () => {
  it.each(['', '{"videos":', 'null', '[1]', '{"videos":{}}', deep])(
    'is refused in words where it is damaged: %.20s',
    async (text) => {
      await openOutFolder(join(root, 'out'), { videos: '/v', seed: 1 }, false);
      writeFileSync(join(root, 'out', 'prepare.json'), text);
      await expect(checkOutFolder(join(root, 'out'), '/v', { videos: '/v', seed: 1 })).rejects.toMatchObject({
        code: 'out-damaged',
        message: expect.stringMatching(
          /prepare\.json: expected what a data set was made with.*, got a damaged file: make /,
        ),
      });
    },
  );
});

it('a process that ended while it wrote its first file has made nothing', async () => {
  const folder = join(root, 'ended');
  mkdirSync(folder);
  writeFileSync(temporaryName(join(folder, 'prepare.json')), '{"vid');
  await checkOutFolder(folder, '/v', { videos: '/v' });
  expect(await madeNothing(folder)).toBe(true);
  writeFileSync(join(folder, 'notes.txt'), 'mine');
  await expect(checkOutFolder(folder, '/v', { videos: '/v' })).rejects.toMatchObject({ code: 'out-foreign' });
  expect(await madeNothing(folder)).toBe(false);
});

describe('categories.json', () => {
  const path = wbdcLayout(root).categories;
  mkdirSync(dirname(path), { recursive: true });

  it('is read as it was written', async () => {
    const { names } = numberCategories([['动物', '猫'], ['食物']]);
    writeFileSync(path, JSON.stringify(names));
    expect(await readKnownCategories(root)).toEqual(names);
    expect(await readKnownCategories(join(root, 'nowhere'))).toEqual({});
  });

  it.each(['', '{"0000":', 'null', '[]', '{"0000":{}}', '{"0000":{"group":"a","subgroup":"b"}}', '{"x":{}}', deep])(
    'is refused in words where it is damaged: %.20s',
    async (text) => {
      writeFileSync(path, text);
      await expect(readKnownCategories(root)).rejects.toThrow(
        /categories\.json: expected the numbers of categories.*, got a damaged file: put back a copy/,
      );
    },
  );
});

it('of a damaged journal the whole lines count: the other videos are decoded again', async () => {
  const decoded = { frames: 2, width: 4, height: 4, hash: 'ab', look: '00ff' };
  const entry = (id: string) => ({ id, name: `${id}.mp4`, bytes: 5, modified: 7, decoded });
  const lines = [
    JSON.stringify(entry('a')),
    JSON.stringify({ ...entry('b'), decoded: { frames: 'two' } }),
    JSON.stringify({ ...entry('c'), bytes: null }),
    'null',
    JSON.stringify({ ...entry('d'), decoded: undefined, error: 'cut' }),
    '{"id":"e","na',
  ];
  const path = join(root, 'decoded.jsonl');
  writeFileSync(path, lines.join('\n'));
  const journal = await Journal.open(path);
  const found = { name: 'x', path: '/x', kind: 'video', bytes: 5, modified: 7 } as const;
  expect(['a', 'b', 'c', 'd', 'e'].filter((id) => journal.get(id, found, 'm') !== undefined)).toEqual(['a', 'd']);
  await journal.close();
});
