import { stat } from 'node:fs/promises';
import { basename, dirname, relative, sep } from 'node:path';
import { isMissing, withoutEnding } from '@wbdc/io';
import type { VideoInput } from '../decode-video.js';
import { SourceError } from '../errors.js';
import { findVideos as findBelow } from './find.js';

/** A video that is asked for, and its path below the folder of all. */
interface AskedVideo extends VideoInput {
  readonly name: string;
}

/** The videos that are asked for, and the folder that holds them all. */
export interface AskedVideos {
  readonly videos: readonly AskedVideo[];
  readonly root: string;
}

/** What a path means, with paths below the folder that was given. */
interface Found {
  readonly path: string;
  readonly below: string;
  readonly folder: string;
}

/**
 * The videos that paths mean, in the order of their names. A file is a video; so is a folder of nothing but pictures,
 * its frames. Any other folder is a collection: its video files, zips, animations and, likewise, its subfolders. A
 * video's id is its path below that folder without the ending, or its name where that is an official id. Where two
 * would be the same they keep their endings, or say where they are below the folder of all.
 */
export async function askedVideos(paths: readonly string[]): Promise<AskedVideos> {
  const found: Found[] = [];
  for (const path of paths) {
    const here = await videosAt(path);
    if (here.length === 0) {
      throw new SourceError(`${path}: expected videos, zips or folders of pictures in it, got none: check the path`);
    }
    for (const video of here) found.push(video); // one by one: arguments of a call may be too many
  }
  const root = commonFolder(found.map(({ folder }) => folder));
  const names = found.map(({ path }) => relative(root, path).replaceAll(sep, '/'));
  const ids = distinctIds(found, names);
  return { root, videos: found.map(({ path }, i) => ({ id: ids[i], path, name: names[i] })) };
}

/** The first way to name each video that no other one shares. */
function distinctIds(found: readonly Found[], names: readonly string[]): string[] {
  const ways = [found.map(plainId), found.map(({ below }) => below), names.map(withoutEnding), names].map((ids) => {
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    return { ids, counts };
  });
  return found.map(({ path }, i) => {
    const way = ways.find(({ ids, counts }) => counts.get(ids[i]) === 1);
    if (way !== undefined) return way.ids[i];
    throw new SourceError(`expected every name once, got ${path} twice: give it once`);
  });
}

function plainId({ below }: Found): string {
  const name = withoutEnding(basename(below));
  return /^\d{19,20}$/.test(name) ? name : withoutEnding(below);
}

function commonFolder(folders: readonly string[]): string {
  return folders.reduce((common, folder) => {
    let shared = common;
    while (relative(shared, folder).startsWith('..') && dirname(shared) !== shared) shared = dirname(shared);
    return shared;
  });
}

async function videosAt(path: string): Promise<Found[]> {
  const status = await stat(path).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw new SourceError(`${path}: expected a video, a zip or a folder, found nothing there: check the path`);
  });
  const itself = { path, below: basename(path), folder: dirname(path) };
  if (!status.isDirectory()) return [itself];
  const { videos } = await findBelow(path);
  if (videos.length > 0 && videos.every(({ kind }) => kind === 'picture')) return [itself];
  return videos.map((video) => ({ path: video.path, below: video.name, folder: path }));
}
