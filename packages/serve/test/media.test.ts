import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Media, mediaKind } from '../src/media.js';

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'wbdc-media-')));
  for (const name of ['clips', 'clips-other', 'secret']) await mkdir(join(folder, name));
  for (const name of ['clips/a.mp4', 'clips-other/b.mp4', 'secret/c.mp4']) await writeFile(join(folder, name), 'x');
  await symlink(join(folder, 'secret'), join(folder, 'clips/way-out'));
  await symlink(join(folder, 'clips'), join(folder, 'linked'));
});
afterAll(() => rm(folder, { recursive: true }));

it('allows what lies below a folder, by whatever name', async () => {
  const media = await Media.open([join(folder, 'linked')]);
  const real = join(folder, 'clips/a.mp4');
  expect(await media.allow(real)).toBe(real);
  expect(await media.allow(join(folder, 'linked/a.mp4'))).toBe(real);
});

it.each([
  'clips',
  'clips/no.mp4',
  'clips/../secret/c.mp4',
  'clips/way-out/c.mp4',
  'clips-other/b.mp4',
  'secret/c.mp4',
  'clips/a.mp4\0.txt',
])('refuses %j with the one answer', async (path) => {
  const media = await Media.open([join(folder, 'clips')]);
  const message = 'expected a file in the media folders, got another';
  await expect(media.allow(join(folder, 'x', '..') + `/${path}`)).rejects.toMatchObject({ status: 403, message });
});

it.each(['a.mp4', 'file:///etc/passwd', 'http://127.0.0.1/a.mp4', 'concat:a.mp4', '-', '/etc/passwd', ''])(
  'refuses %j, and all where there are no folders',
  async (path) => {
    for (const media of [await Media.open([join(folder, 'clips')]), await Media.open([])]) {
      await expect(media.allow(path)).rejects.toMatchObject({ code: 'forbidden' });
    }
  },
);

it('knows what a browser plays', () => {
  expect(['a.MP4', 'a.webm', 'a.gif'].map(mediaKind)).toEqual(['video', 'video', 'image']);
  for (const path of ['a.zip', 'a.html', 'a.svg', 'a', '']) expect(mediaKind(path)).toBeUndefined();
});
