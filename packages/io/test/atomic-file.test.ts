import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { WbdcError } from '../src/errors.js';
import { AtomicFile, makeFolder, writeFileAtomic, writeJson } from '../src/index.js';
import { testFolder } from './folder.js';

const root = testFolder();
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'case-'));
  path = join(folder, 'a.txt');
});

async function* chunks(): AsyncGenerator<string | Uint8Array> {
  yield '视';
  yield Uint8Array.of(0x61, 0x62);
  yield 'x'.repeat(1 << 20); // written as it is
  yield 'c';
}

describe('writeFileAtomic', () => {
  it.each([
    ['text', '视频', '视频'],
    ['bytes', Uint8Array.of(0x61, 0x62), 'ab'],
    ['a list', ['视', Uint8Array.of(0x62)], '视b'],
    ['chunks that come in time', chunks(), `视ab${'x'.repeat(1 << 20)}c`],
    ['nothing', [], ''],
  ])('writes %s', async (_, contents, expected) => {
    await writeFileAtomic(path, contents);
    expect(readFileSync(path, 'utf8')).toBe(expected);
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it('writes JSON that people can read', async () => {
    await writeJson(path, { a: [1], b: undefined });
    expect(readFileSync(path, 'utf8')).toBe('{\n  "a": [\n    1\n  ]\n}\n');
  });

  it('shows the old file or the new, never a part, and leaves nothing behind', async () => {
    writeFileSync(path, 'old');
    const seen: string[] = [];
    const failing = async function* (): AsyncGenerator<string> {
      yield 'x'.repeat(3 << 20);
      seen.push(await readFile(path, 'utf8'));
      throw new RangeError('source failed');
    };
    await expect(writeFileAtomic(path, failing())).rejects.toThrow(new RangeError('source failed'));
    expect(seen).toEqual(['old']);
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it('lets many write the same file at once: one of them wins', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(100_000));
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
    expect(texts).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(folder)).toEqual(['a.txt']);
  });

  it('says what stands in the way', async () => {
    await mkdir(join(folder, 'taken'));
    const taken = writeFileAtomic(join(folder, 'taken'), []);
    await expect(taken).rejects.toThrow(/^cannot write .*taken: a folder stands there: expected a file/);
    await expect(taken).rejects.toBeInstanceOf(WbdcError);
    await expect(taken).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(writeFileAtomic(join(folder, 'no', 'x'), 'x')).rejects.toThrow(/^cannot write .*x.*: no such file or/);
    writeFileSync(path, '');
    await expect(makeFolder(join(path, 'sub'))).rejects.toThrow(/^cannot make the folder .*: a part of the path is a/);
    expect(await readdir(folder)).toEqual(['a.txt', 'taken']);
  });

  it('blames the file that chunks come from, not the one it writes', async () => {
    const copying = async function* (): AsyncGenerator<Uint8Array> {
      yield await readFile(join(folder, 'source'));
    };
    await expect(writeFileAtomic(path, copying())).rejects.toThrow(/ENOENT.*source/);
    const full = Object.assign(new Error('write ENOSPC'), { code: 'ENOSPC' });
    // eslint-disable-next-line require-yield
    const failing = function* (): Generator<string> {
      throw full;
    };
    await expect(writeFileAtomic(path, failing())).rejects.toThrow(/^cannot write .*a\.txt: the disk is full/);
  });
});

describe('AtomicFile', () => {
  it('goes on behind what is good of an interrupted write', async () => {
    const first = await AtomicFile.create(path);
    await first.write('one, ');
    await first.write('torn');
    expect(first.position).toBe(9);
    await first.suspend();
    expect(readdirSync(folder)).toEqual(['a.txt.part']);
    const second = await AtomicFile.resume(path, 5);
    expect(second.position).toBe(5);
    await second.write('two');
    await second.finish();
    expect(readFileSync(path, 'utf8')).toBe('one, two');
    expect(readdirSync(folder)).toEqual(['a.txt']);
    await second.abandon();
    await second.suspend();
    expect(readFileSync(path, 'utf8')).toBe('one, two');
  });

  it('leaves the earlier file as it was when given up', async () => {
    writeFileSync(path, 'old');
    const file = await AtomicFile.create(path);
    await file.write('new');
    await file.abandon();
    expect([readFileSync(path, 'utf8'), readdirSync(folder)]).toEqual(['old', ['a.txt']]);
  });

  it('refuses to finish a file with a hole', async () => {
    const file = await AtomicFile.create(path);
    // A handle that was closed under it: the write fails as on a broken disk.
    const handle = (file as unknown as { handle: Awaited<ReturnType<typeof open>> }).handle;
    await handle.close();
    await expect(file.write('x'.repeat(1 << 20))).rejects.toThrow(/^cannot write .*a\.txt/);
    await expect(file.finish()).rejects.toThrow(/^cannot write .*a\.txt/);
    expect(readdirSync(folder)).toEqual(['a.txt.part']);
    await file.abandon();
    expect(readdirSync(folder)).toEqual([]);
  });
});
