import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLineFile } from '../../src/node.js';
import { scratchFolder } from './fixtures.js';

let path: string;
beforeAll(async () => {
  const folder = join(await scratchFolder(), '视频 1');
  await mkdir(folder);
  path = join(folder, 'out.jsonl');
});

const rows = ['猫', 'b', 'c d'].map((id, i) => ({ id, model: 'ab', input: `${i}`, title: `第${i}"\n` }));
const whole = rows.map((row) => `${JSON.stringify(row)}\n`).join('');

describe('a file of lines that is added to', () => {
  it('is the same as one that was never interrupted, wherever it was cut', async () => {
    const bytes = Buffer.from(whole);
    for (let length = 0; length <= bytes.length; length++) {
      await writeFile(path, bytes.subarray(0, length));
      const { done, write } = await openLineFile(path, 'add');
      const kept = await readFile(path, 'utf8');
      expect(whole.startsWith(kept) && (kept === '' || kept.endsWith('\n'))).toBe(true);
      expect([...done.keys()]).toEqual(rows.slice(0, kept.split('\n').length - 1).map(({ id }) => id));
      for (const row of rows) if (!done.has(row.id)) await write(row);
      expect(await readFile(path, 'utf8')).toBe(whole);
    }
  });

  it('keeps a last line that lacks but its end', async () => {
    await writeFile(path, whole.trimEnd());
    const { done } = await openLineFile(path, 'add');
    expect(done.get('c d')).toEqual({ model: 'ab', input: '2' });
    expect(await readFile(path, 'utf8')).toBe(whole);
  });

  it.each([
    ['a list of mine', "line 1: expected a line of JSON, got 'a list of mine'"],
    ['1,2\n3,4', "line 1: expected a line of JSON, got '1,2'"],
    [`${whole}and a remark`, "line 4: expected a line of JSON, got 'and a remark'"],
    [`${whole}{"id":7}`, 'line 4: expected an id, got none'],
    ['[1]\n', "line 1: expected a JSON object, got '[1]'"],
  ])('is left as it is where it is another one: %j', async (text, message) => {
    await writeFile(path, text);
    await expect(openLineFile(path, 'add')).rejects.toMatchObject({
      code: 'lines-foreign',
      message: expect.stringContaining(message),
    });
    expect(await readFile(path, 'utf8')).toBe(text);
  });
});

it('a file that is to be replaced is there until there is a line to put in its place', async () => {
  await writeFile(path, whole);
  const { done, write } = await openLineFile(path, 'replace');
  expect([done.size, await readFile(path, 'utf8')]).toEqual([0, whole]);
  await write(rows[1]);
  await write(rows[2]);
  expect(await readFile(path, 'utf8')).toBe(`${JSON.stringify(rows[1])}\n${JSON.stringify(rows[2])}\n`);
});
