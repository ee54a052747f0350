import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { VideoInput } from '@wbdc/video-features';
import sharp from 'sharp';
import { UserError } from '../errors.js';

const PICTURE = /\.(jpe?g|png|webp|bmp|tiff?|avif)$/i;
const VIDEO = /\.(zip|gif|mp4|m4v|mov|webm|mkv|avi)$/i;

/**
 * The videos that paths mean, in the order of their names. A file is a video; so is a folder of nothing but pictures, its
 * frames. Any other folder is a collection: its video files, zips, animations and, likewise, its subfolders. A video's id
 * is its name without the ending.
 */
export async function findVideos(paths: readonly string[], warn: (line: string) => void): Promise<VideoInput[]> {
  const found: string[] = [];
  for (const path of paths) {
    const below = await videosAt(path, warn);
    if (below.length === 0) {
      throw new UserError(`${path}: expected videos, zips or folders of pictures in it, got none: check the path`);
    }
    found.push(...below);
  }
  const videos = found.map((path) => ({ id: idOf(path), path }));
  const seen = new Map<string, string>();
  for (const { id, path } of videos) {
    const before = seen.get(id);
    if (before !== undefined) {
      throw new UserError(`expected every name once, got '${id}' twice: ${before} and ${path}: rename one of them`);
    }
    seen.set(id, path);
  }
  return videos;
}

function idOf(path: string): string {
  const name = basename(path);
  return VIDEO.test(name) || PICTURE.test(name) ? name.slice(0, -extname(name).length) : name;
}

async function videosAt(path: string, warn: (line: string) => void): Promise<string[]> {
  const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    throw new UserError(`${path}: expected a video, a zip or a folder, found nothing there: check the path`);
  });
  return status.isDirectory() ? videosIn(path, warn) : [path];
}

async function videosIn(folder: string, warn: (line: string) => void): Promise<string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const pictures = entries.filter((entry) => !entry.isDirectory() && PICTURE.test(entry.name)).map(({ name }) => name);
  const members = entries.filter((entry) => entry.isDirectory() || VIDEO.test(entry.name));
  if (members.length === 0 && pictures.length > 0) {
    const first = join(folder, pictures[0]);
    return (await moves(first)) ? pictures.map((name) => join(folder, name)) : [folder];
  }
  if (pictures.length > 0) warn(`${folder}: pictures beside videos are left out (${pictures[0]}, ...)`);
  const below: string[] = [];
  for (const entry of members) {
    const path = join(folder, entry.name);
    below.push(...(entry.isDirectory() ? await videosIn(path, warn) : [path]));
  }
  return below;
}

/** An animated WebP looks like a picture by its name. */
async function moves(path: string): Promise<boolean> {
  if (extname(path).toLowerCase() !== '.webp') return false;
  const { pages = 1 } = await sharp(path).metadata().catch(() => ({ pages: 1 })); // prettier-ignore
  return pages > 1;
}
