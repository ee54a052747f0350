import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { wbdcLayout, writeAnnotations, writeFrameZip, type Video } from '@wbdc/data';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changedContents, wbdcInventory, type Inventory } from '@wbdc/pipeline/contents';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wbdc-contents-'));
  mkdirSync(join(root, 'annotations'));
  await write(videos);
  for (const { id } of videos) await frames(id, 'a');
});
afterEach(() => rm(root, { recursive: true }));

const videos: Video[] = ['101', '102', '103'].map((id, i) => {
  return { id, title: `title ${i}`, asr: '', ocr: [{ time: i, text: 'x' }], categoryId: '0101', tags: ['t'] };
});
const write = (list: readonly Video[]) => writeAnnotations(wbdcLayout(root).annotations('labeled'), list);
const frames = (id: string, text: string) =>
  writeFrameZip(wbdcLayout(root).frameZip('labeled', id), [{ name: '0.jpg', bytes: Buffer.from(text) }]);
const look = (known?: Inventory) => wbdcInventory({ root, splits: ['labeled'], known });
/** The first video with other fields. */
const edited = (fields: Partial<Video>): Video[] => [{ ...videos[0], ...fields }, ...videos.slice(1)];

describe('wbdcInventory', () => {
  it('is the same for the same data, looked at afresh or again', async () => {
    const first = await look();
    expect(changedContents(first.contents, (await look()).contents)).toEqual([]);
    expect(await look(first)).toEqual(first);
    await write(videos);
    expect(changedContents(first.contents, (await look(first)).contents)).toEqual([]);
  });

  it.each<[string, Partial<Video>]>([
    ['labels of labeled', { categoryId: '0102' }],
    ['texts of labeled', { title: 'another' }],
    ['texts of labeled', { asr: 'another' }],
    ['texts of labeled', { ocr: [] }],
    ['tags of labeled', { tags: ['u'] }],
    ['groups of labeled', { group: '102' }],
  ])('names what has changed: %s', async (name, fields) => {
    const first = await look();
    await write(edited(fields));
    expect(changedContents(first.contents, (await look(first)).contents)).toEqual([name]);
  });

  it('tells videos apart that swap a field', async () => {
    const first = await look();
    await write([videos[1], videos[0], videos[2]]);
    const changed = changedContents(first.contents, (await look(first)).contents);
    expect(changed).toEqual(['videos of labeled', 'texts of labeled', 'frames of labeled']);
  });

  it('sees other frames, frames that went and new ones', async () => {
    const first = await look();
    await frames('102', 'b');
    expect(changedContents(first.contents, (await look(first)).contents)).toEqual(['frames of labeled']);
    await frames('102', 'a');
    expect(changedContents(first.contents, (await look(first)).contents)).toEqual([]);
    await rm(wbdcLayout(root).frameZip('labeled', '103'));
    const without = await look(first);
    expect(changedContents(first.contents, without.contents)).toEqual(['frames of labeled']);
    await frames('103', 'a');
    expect(changedContents(first.contents, (await look(without)).contents)).toEqual([]);
  });

  it('sees the truth and the names of categories', async () => {
    const first = await look();
    await writeFile(wbdcLayout(root).truth('labeled'), '101,0101\n');
    await writeFile(wbdcLayout(root).categories, '{}');
    const changed = changedContents(first.contents, (await look(first)).contents);
    expect(changed).toEqual(['truth of labeled', 'category names']);
  });

  it('reads records again only where their file has changed', async () => {
    const first = await look();
    const path = wbdcLayout(root).annotations('labeled');
    const unread = { ...first.contents, 'labels of labeled': 'as known' };
    expect((await look({ ...first, contents: unread })).contents['labels of labeled']).toBe('as known');
    await writeFile(path, `${await readFile(path, 'utf8')} `); // other bytes, the same records
    expect((await look({ ...first, contents: unread })).contents).toEqual(first.contents);
  });
});
