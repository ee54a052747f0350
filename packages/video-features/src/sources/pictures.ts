import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SourceError } from '../errors.js';
import { readBounded, readFrameZip } from '../frame-zip.js';
import type { Image } from '../image-data.js';
import { decodeImage } from '../image.js';
import type { FrameSource, SourceLimits } from './source.js';
import { isSystemFile } from './system-names.js';

/** A zip of pictures in the order of their sorted names. @param bytes its contents, where they are in memory */
export async function openZip(path: string, limits: SourceLimits, bytes?: Uint8Array): Promise<FrameSource> {
  const files = await readFrameZip(bytes ?? path, { limits: limits.zip, name: path });
  return {
    name: path,
    count: files.length,
    read: (indices) =>
      inOrder(indices, (index) => {
        const { name, bytes } = files[index];
        return decodeImage(bytes, { name: `${path}: ${name}`, limits: limits.image });
      }),
    close: () => Promise.resolve(),
  };
}

/** A folder of pictures in the order of their sorted names; subfolders and hidden files do not count. */
export async function openFolder(path: string, limits: SourceLimits): Promise<FrameSource> {
  const entries = await readdir(path, { withFileTypes: true });
  const names = entries.filter((entry) => !entry.isDirectory() && !isSystemFile(entry.name)).map(({ name }) => name);
  const paths = names.sort().map((name) => join(path, name));
  return openPictures(path, paths, limits);
}

/** Picture files as the frames of one video, in this order. */
export function openPictures(name: string, paths: readonly string[], limits: SourceLimits): FrameSource {
  if (paths.length > limits.maxFrames) {
    throw new SourceError(`${name}: expected at most ${limits.maxFrames} pictures, got ${paths.length}`);
  }
  return {
    name,
    count: paths.length,
    read: (indices) =>
      inOrder(indices, async (index) => {
        const path = paths[index];
        return decodeImage(await readBounded(path, limits.image.maxBytes), { name: path, limits: limits.image });
      }),
    close: () => Promise.resolve(),
  };
}

async function* inOrder(indices: readonly number[], decode: (index: number) => Promise<Image>): AsyncGenerator<Image> {
  for (const index of indices) yield await decode(index);
}
