import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { videoMark } from '../../src/data/video-mark.js';
import { Journal } from '../../src/prepare/journal.js';
import { inputMark } from '../../src/trained/node/input-mark.js';
import { rangeServer } from '../../../../tools/range-server.js';

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'wbdc-mark-'))));
afterAll(() => rm(root, { recursive: true }));

const long = (end: string) => Buffer.concat([Buffer.alloc(20_000, 'a'), Buffer.from(end)]);
/** Files of one size and one time, whatever is in them. */
async function write(name: string, contents: string | Buffer): Promise<string> {
  const path = join(root, name);
  await writeFile(path, contents);
  await utimes(path, 1, 1);
  return path;
}

it.each([
  ['a short file', 'one', 'two'],
  ['the end of a long one', long('one'), long('two')],
])('a video of the same size and time has another mark: %s', async (_, before, after) => {
  const path = await write('v.mp4', before);
  const [mark, row] = [await videoMark(path), await inputMark(path, { title: '猫' })];
  expect(await inputMark(await write('copy.mp4', before), { title: '猫' })).toBe(row);
  await write('v.mp4', after);
  expect(await videoMark(path)).not.toBe(mark);
  expect(await inputMark(path, { title: '猫' })).not.toBe(row);
});

it('a video on a server has another mark when the server has another one; none where it refuses', async () => {
  await using server = await rangeServer();
  server.put('v.mp4', Buffer.from('one'));
  const of = () => inputMark(`${server.url}/v.mp4?sig=x`, { title: '猫' });
  const mark = await of();
  expect(await of()).toBe(mark);
  server.put('v.mp4', Buffer.from('two'));
  const other = await of();
  expect(other).not.toBe(mark);
  server.remove('v.mp4');
  expect([mark, other]).not.toContain(await of());
  server.fail({ kind: 'status', status: 403 });
  await expect(of()).rejects.toThrow('403');
});

it('a folder has another mark when two of its pictures change places', async () => {
  const folder = join(root, 'frames');
  await mkdir(join(folder, 'below'), { recursive: true });
  const put = (one: string, other: string) => [write('frames/1.jpg', one), write('frames/2.jpg', other)];
  await Promise.all(put('one', 'two'));
  await write('frames/Thumbs.db', 'x');
  const mark = await videoMark(folder);
  await write('frames/Thumbs.db', 'y');
  await write('frames/below/z', 'z');
  expect(await videoMark(folder)).toBe(mark);
  await Promise.all(put('two', 'one'));
  expect(await videoMark(folder)).not.toBe(mark);
});

it('is what a preparation knows a video by, where its journal says so', async () => {
  const journal = await Journal.open(join(root, 'decoded.jsonl'));
  const of = { name: 'v.mp4', bytes: 3, modified: 1 };
  await journal.add({ id: 'now', ...of, mark: 'a', error: 'cut' });
  await journal.add({ id: 'earlier', ...of, error: 'cut' });
  const video = { ...of, path: '/v.mp4', kind: 'video' } as const;
  expect(journal.get('now', video, 'a')).toBeDefined();
  expect(journal.get('now', video, 'b')).toBeUndefined();
  expect(journal.get('earlier', video, 'b')).toBeDefined();
  await journal.close();
});
