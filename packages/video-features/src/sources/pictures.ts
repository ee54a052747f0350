import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { compareNatural, isSystemFile } from '@wbdc/io';
import { SourceError } from '../errors.js';
import { isFrame, isNamedPicture, noPicture } from '../frame-files.js';
import { readBounded, readFrameZip } from '../frame-zip.js';
import type { Image } from '../image-data.js';
import { decodeImage } from '../image.js';
import { firstBytes } from './first-bytes.js';
import type { FrameSource, SourceLimits } from './source.js';

/** A zip of pictures in the natural order of their names. @param bytes its contents, where they are in memory */
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

/**
 * A folder of pictures in the natural order of their names; subfolders, what systems leave, and notes beside the
 * pictures do not count.
 *
 * @throws SourceError when there are files and not one is a picture
 */
export async function openFolder(path: string, limits: SourceLimits): Promise<FrameSource> {
  const entries = await readdir(path, { withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory() && !isSystemFile(entry.name)).map(({ name }) => name);
  const names: string[] = [];
  for (const name of files) if (await isFrameOf(path, name)) names.push(name);
  if (names.length === 0 && files.length > 0) {
    throw new SourceError(`${path}: ${noPicture(files)}. Leave the video out.`);
  }
  const paths = names.sort(compareNatural).map((name) => join(path, name));
  return openPictures(path, paths, limits);
}

async function isFrameOf(folder: string, name: string): Promise<boolean> {
  return isNamedPicture(name) || isFrame(name, await firstBytes(join(folder, name)));
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
