import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { contentHash, markFiles, NO_FILE, readMarks, writeMarks, type FileMark } from '../src/index.js';
import { ZipWriter } from '../src/zip.js';
import { testFolder } from './folder.js';

const asked = vi.hoisted(() => ({ files: 0 }));
vi.mock(import('node:fs/promises'), async (original) => {
  const files = await original();
  const stat = ((...args: Parameters<typeof files.stat>) => (asked.files++, files.stat(...args))) as typeof files.stat;
  return { ...files, stat };
});

const folder = testFolder();
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return name;
};
/** As if it had been at rest for long when it was marked. */
const rested = (marks: ReadonlyMap<string, FileMark>): Map<string, FileMark> =>
  new Map([...marks].map(([name, mark]) => [name, { ...mark, settled: true }]));

async function hashes(name: string, known?: ReadonlyMap<string, FileMark>) {
  let read = 0;
  const hash = (path: string): Promise<string> => (read++, contentHash(path));
  const marks = await markFiles(folder, [name], { known, hash });
  return { hash: marks.get(name)!.hash, read, marks };
}

describe('markFiles', () => {
  it('does not read a file again whose size and times are the same', async () => {
    const first = await hashes(file('same', 'abc'));
    expect(first.read).toBe(1);
    expect(await hashes('same', rested(first.marks))).toMatchObject({ hash: first.hash, read: 0 });
  });

  it('reads one again that had changed just before it was marked', async () => {
    const first = await hashes(file('young', 'abc'));
    expect(first.marks.get('young')!.settled).toBe(false);
    expect((await hashes('young', first.marks)).read).toBe(1);
  });

  it('sees an edit that keeps size and time', async () => {
    const first = await hashes(file('edited', 'abc'));
    const { atime, mtime } = statSync(join(folder, 'edited'));
    await new Promise((done) => setTimeout(done, 20));
    file('edited', 'abd');
    utimesSync(join(folder, 'edited'), atime, mtime);
    expect(statSync(join(folder, 'edited')).mtimeMs).toBeCloseTo(mtime.getTime(), -1);
    expect((await hashes('edited', rested(first.marks))).hash).not.toBe(first.hash);
    expect((await hashes('edited', first.marks)).hash).not.toBe(first.hash);
  });

  it('takes a touched file for the same', async () => {
    const first = await hashes(file('touched', 'abc'));
    utimesSync(join(folder, 'touched'), 1e9, 1e9);
    expect(await hashes('touched', rested(first.marks))).toMatchObject({ hash: first.hash, read: 1 });
  });

  it('marks what is not there, and sees it come and go', async () => {
    const before = await hashes('later');
    expect(before).toMatchObject({ hash: NO_FILE, read: 0 });
    const there = await hashes(file('later', 'x'), before.marks);
    expect(there.hash).not.toBe(NO_FILE);
    rmSync(join(folder, 'later'));
    expect((await hashes('later', rested(there.marks))).hash).toBe(NO_FILE);
  });

  it('knows files of folders that are not there to be missing, and others for what they are', async () => {
    mkdirSync(join(folder, 'there/a'), { recursive: true });
    file('there/a/one', 'one');
    const names = ['gone/a/one', 'there/a/one', 'there/b/one', 'there/a/two', 'gone/b/c/two', 'there/b/two', 'gone'];
    const many = Array.from({ length: 2000 }, (_, i) => `gone/${i % 9}/${i}`);
    asked.files = 0;
    const marks = await markFiles(folder, [...names, ...many]);
    const there = [...marks].filter(([, { hash }]) => hash !== NO_FILE).map(([name]) => name);
    expect([there, marks.size]).toEqual([['there/a/one'], names.length + many.length]);
    expect(asked.files).toBeLessThan(200); // as many as are looked at before the first answers
  });

  it('keeps the order of many names', async () => {
    const names = Array.from({ length: 100 }, (_, i) => file(`n${i}`, String(i)));
    const marks = await markFiles(folder, names);
    expect([...marks.keys()]).toEqual(names);
    expect(marks.get('n7')!.hash).toBe(await contentHash(join(folder, 'n7')));
  });
});

describe('contentHash', () => {
  const zip = async (name: string, entries: Record<string, string>): Promise<string> => {
    const path = join(folder, name);
    const writer = await ZipWriter.create(path);
    for (const [entry, text] of Object.entries(entries)) await writer.add(entry, Buffer.from(text));
    await writer.finish();
    return path;
  };

  it('of a zip is that of what is in it, whatever stands in front', async () => {
    const a = await contentHash(await zip('a.zip', { '1.jpg': 'x', '2.jpg': 'y' }));
    const path = await zip('b.zip', { '1.jpg': 'x', '2.jpg': 'y' });
    expect(await contentHash(path)).toBe(a);
    expect(await contentHash(await zip('c.zip', { '1.jpg': 'x', '2.jpg': 'z' }))).not.toBe(a);
    expect(await contentHash(await zip('d.zip', { '1.jpg': 'x', '3.jpg': 'y' }))).not.toBe(a);
  });

  it('of a damaged zip is that of its bytes', async () => {
    const path = join(folder, 'broken.zip');
    writeFileSync(path, 'no zip');
    const first = await contentHash(path);
    appendFileSync(path, '!');
    expect(await contentHash(path)).not.toBe(first);
  });
});

it('keeps marks in a file, and leaves out damaged lines', async () => {
  const path = join(folder, 'marks.tsv');
  const names = [file('plain', '1'), file('with "quotes"\tand 视频', '2'), 'missing'];
  const marks = await markFiles(folder, names);
  await writeMarks(path, marks);
  expect(await readMarks(path)).toEqual(marks);
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^\S+/, '').slice(0, -4));
  expect([...(await readMarks(path)).keys()]).toEqual([names[1]]);
  expect((await readMarks(join(folder, 'none'))).size).toBe(0);
});
