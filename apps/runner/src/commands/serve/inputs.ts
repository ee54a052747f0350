import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isMissing } from '@wbdc/io';
import { findVideos as findBelow, type VideoInput } from '@wbdc/video-features';
import { UserError } from '../../core/errors.js';

/**
 * The videos that paths mean, in the order of their names. A file is a video; so is a folder of nothing but pictures,
 * its frames. Any other folder is a collection: its video files, zips, animations and, likewise, its subfolders. A
 * video's id is its name without the ending.
 */
export async function findVideos(paths: readonly string[]): Promise<VideoInput[]> {
  const found: VideoInput[] = [];
  for (const path of paths) {
    const below = await videosAt(path);
    if (below.length === 0) {
      throw new UserError(`${path}: expected videos, zips or folders of pictures in it, got none: check the path`);
    }
    found.push(...below);
  }
  const seen = new Map<string, string>();
  for (const { id, path } of found) {
    const before = seen.get(id);
    if (before !== undefined) {
      throw new UserError(`expected every name once, got '${id}' twice: ${before} and ${path}: rename one of them`);
    }
    seen.set(id, path);
  }
  return found;
}

/** The last part of a path, without an ending. */
export function plainName(path: string): string {
  return basename(path).replace(/\.[^.]{1,5}$/, '');
}

async function videosAt(path: string): Promise<VideoInput[]> {
  const status = await stat(path).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw new UserError(`${path}: expected a video, a zip or a folder, found nothing there: check the path`);
  });
  if (!status.isDirectory()) return [{ id: plainName(path), path }];
  const { videos: sources } = await findBelow(path);
  if (sources.length > 0 && sources.every(({ kind }) => kind === 'picture')) return [{ id: basename(path), path }];
  return sources.map((source) => {
    return { id: source.kind === 'folder' ? basename(source.path) : plainName(source.path), path: source.path };
  });
}
