import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { findVideos, openFoundVideo } from '../src/index.js';
import { temporaryFolder } from './folder.js';

const picture = (background: string): Promise<Buffer> =>
  sharp({ create: { width: 4, height: 3, channels: 3, background } })
    .png()
    .toBuffer();

/** Twelve animations, a folder and a zip of pictures; what is broken, and what is no video. */
async function makeVideos(): Promise<(...segments: string[]) => string> {
  const folder = temporaryFolder();
  const videos = (...segments: string[]): string => join(folder, ...segments);
  const colours = await Promise.all(['red', 'green'].map(picture));
  const animation = await sharp(colours, { join: { animated: true } })
    .webp({ lossless: true })
    .toBuffer();
  for (const name of ['anim/in', 'shots', 'bad', '.hidden', '__MACOSX']) {
    await mkdir(videos(name), { recursive: true });
  }
  for (let i = 0; i < 12; i++) await writeFile(videos('anim', `a${i}.webp`), animation);
  await writeFile(videos('anim/in', '猫.webp'), animation);
  for (const i of [0, 1, 2]) await writeFile(videos('shots', `${i}.png`), colours[i % 2]);
  for (const name of ['Thumbs.db', 'desktop.ini', 'notes.json']) await writeFile(videos('shots', name), 'x');
  await writeFile(videos('pics.zip'), zipSync({ '0.png': colours[0] }));
  await writeFile(videos('copy of a3.webp'), animation);
  await writeFile(videos('bad', 'cut.webp'), animation.subarray(0, 30));
  await writeFile(videos('bad', 'empty.gif'), '');
  await writeFile(videos('notes.txt'), 'notes');
  await writeFile(videos('.hidden', 'x.webp'), animation);
  await writeFile(videos('__MACOSX', '._a0.webp'), animation);
  await symlink('..', videos('anim', 'loop'));
  return videos;
}

it('finds videos by what they are', async () => {
  const path = await makeVideos();
  const { videos, unknown } = await findVideos(path());
  const kinds = Object.fromEntries(videos.map(({ name, kind }) => [name, kind]));
  expect(kinds).toMatchObject({
    'anim/a0.webp': 'animation',
    'anim/in/猫.webp': 'animation',
    shots: 'folder',
    'pics.zip': 'zip',
    bad: 'folder',
  });
  expect(videos).toHaveLength(12 + 1 + 4);
  const shots = videos.find(({ name }) => name === 'shots')!;
  expect(shots.pictures).toEqual([0, 1, 2].map((i) => path('shots', `${i}.png`)));
  expect(unknown).toEqual(['notes.txt', 'shots/notes.json']);
  const source = await openFoundVideo(shots); // the pictures alone, not what is beside them
  expect(source.count).toBe(3);
  const sizes: number[] = [];
  for await (const { width } of source.read([0, 2])) sizes.push(width);
  expect(sizes).toEqual([4, 4]);
  await source.close();
});

it('takes the pictures of a folder in the order of the numbers in their names', async () => {
  const folder = temporaryFolder();
  await mkdir(join(folder, 'shots'));
  for (const i of [1, 10, 11, 2, 9]) await writeFile(join(folder, 'shots', `${i}.png`), await picture('red'));
  const { videos } = await findVideos(folder);
  expect(videos[0].pictures).toEqual([1, 2, 9, 10, 11].map((i) => join(folder, 'shots', `${i}.png`)));
});

it('refuses a folder that is not there, and ends when it is told to', async () => {
  const folder = temporaryFolder();
  await expect(findVideos(join(folder, 'none'))).rejects.toThrow('expected a folder with videos, found none');
  const reason = new Error('enough');
  await expect(findVideos(folder, AbortSignal.abort(reason))).rejects.toBe(reason);
});
