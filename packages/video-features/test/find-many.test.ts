import { expect, it, vi } from 'vitest';
import { findVideos } from '../src/sources/find.js';

/** More than fit into one call as its arguments. */
const MANY = 150_000;

vi.mock('node:fs/promises', async (original) => {
  const folder = { isDirectory: () => true, isFile: () => false };
  const file = { isDirectory: () => false, isFile: () => true, size: 1, mtimeMs: 0 };
  return {
    ...(await original<object>()),
    realpath: (path: string) => Promise.resolve(path),
    readdir: () => Promise.resolve(Array.from({ length: MANY }, (_, i) => `${i}.mp4`)),
    stat: (path: string) => Promise.resolve(path === '/videos' ? folder : file),
  };
});

it('finds any number of videos in one folder', async () => {
  const { videos } = await findVideos('/videos');
  expect(videos).toHaveLength(MANY);
});
