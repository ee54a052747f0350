import { stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { isMissing, withoutEnding } from '@wbdc/io';
import { isRemote, shownLocation } from '@wbdc/io/remote';
import type { VideoInput } from '../decode-video.js';
import { SourceError } from '../errors.js';
import { findVideos as findBelow } from './find.js';

/** A video that is asked for. Of one on a server `path` is its address without what signs it, for messages, lines. */
export interface AskedVideo extends VideoInput {
  /** Its path below the folder of all; of one on a server its address. */
  readonly name: string;
  /** What opens it: the path, or the whole address. */
  readonly location: string;
}

/** The videos that are asked for, and the folder that holds them all. */
export interface AskedVideos {
  readonly videos: readonly AskedVideo[];
  /** Empty where all are on servers. */
  readonly root: string;
}

/** What a path means, with paths below the folder that was given; an address has none. */
interface Found {
  readonly path: string;
  readonly below: string;
  readonly folder?: string;
  readonly location?: string;
}

/**
 * The videos that paths mean, in the order of their names. A file is a video; so is a folder of nothing but pictures,
 * its frames. Any other folder is a collection: its video files, zips, animations and, likewise, its subfolders. A
 * video's id is its path below that folder without the ending, or its name where that is an official id. Where two
 * would be the same they keep their endings, or say where they are below the folder of all. An address (`https://`,
 * `s3://`) is one video, which is not looked at; its id is the last part of its path without the ending.
 *
 * @param from the folder that relative paths start from, and the paths that are returned; by default neither is changed
 * @throws SourceError where a path has no videos, or one is given twice
 */
export async function askedVideos(paths: readonly string[], from?: string): Promise<AskedVideos> {
  const found: Found[] = [];
  for (const path of paths) {
    const here = isRemote(path) ? [videoOn(path)] : await videosAt(from === undefined ? path : resolve(from, path));
    if (here.length === 0) {
      throw new SourceError(`${path}: expected videos, zips or folders of pictures in it, got none: check the path`);
    }
    for (const video of here) found.push(video); // one by one: arguments of a call may be too many
  }
  const root = commonFolder(found.flatMap(({ folder }) => folder ?? []));
  const names = found.map(({ path, folder }) =>
    folder === undefined ? path : relative(root, path).replaceAll(sep, '/'),
  );
  const ids = distinctIds(found, names);
  const videos = found.map(({ path, location = path }, i) => ({ id: ids[i], path, name: names[i], location }));
  return { root, videos };
}

function videoOn(location: string): Found {
  const path = shownLocation(location);
  return { path, location, below: decoded(path.replace(/\/+$/, '').split('/').at(-1)!) };
}

/** Of a name in an address; as it is where it is not encoded. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
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
  if (folders.length === 0) return '';
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
