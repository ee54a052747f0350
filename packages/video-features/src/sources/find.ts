import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { compareNatural, isSystemFile } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { PICTURE_EXTENSIONS } from '../frame-files.js';

/** One video: a file, or a folder of pictures. */
export interface FoundVideo {
  /** Path below the scanned folder, with `/` between its segments. */
  readonly name: string;
  readonly path: string;
  readonly kind: 'video' | 'zip' | 'animation' | 'picture' | 'folder';
  /** Of all its files. */
  readonly bytes: number;
  /** Time of the last change of any of its files, in milliseconds since 1970. */
  readonly modified: number;
  /** Paths of a folder's pictures, in the natural order of their names. */
  readonly pictures?: readonly string[];
}

export interface FoundVideos {
  /** In the order of their names. */
  readonly videos: readonly FoundVideo[];
  /** Names of files that are neither videos nor pictures of one. */
  readonly unknown: readonly string[];
}

const VIDEO = new Set('mp4 m4v mov webm mkv avi flv wmv mpg mpeg ts mts m2ts 3gp ogv'.split(' '));
/** Files of these may hold one picture or many. */
const MAYBE_ANIMATED = new Set(['webp', 'gif', 'avif']);

type Kind = FoundVideo['kind'] | 'unknown';

interface FoundFile {
  readonly name: string;
  readonly path: string;
  readonly kind: Kind;
  readonly bytes: number;
  readonly modified: number;
}

/**
 * Finds the videos below a folder by the extensions of its files: video files, zips and animations are one each, a
 * folder that holds still pictures and no other video is one, and so is every still picture in the folder itself.
 * Hidden files and what else systems leave (`isSystemFile` of `@wbdc/io`) do not count; links are followed.
 *
 * @throws WbdcError when there is no such folder; the signal's reason when it is aborted
 */
export async function findVideos(root: string, signal?: AbortSignal): Promise<FoundVideos> {
  const status = await stat(root).catch(() => undefined);
  if (!status?.isDirectory()) {
    throw new WbdcError(`${root}: expected a folder with videos, found none: check the path`);
  }
  const videos: FoundVideo[] = [];
  const unknown: string[] = [];
  await scanFolder({ root, videos, unknown, visited: new Set(), ...(signal && { signal }) }, '');
  videos.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { videos, unknown: unknown.sort() };
}

interface Walk {
  readonly root: string;
  readonly videos: FoundVideo[];
  readonly unknown: string[];
  /** Folders by their true paths: a link may lead back up. */
  readonly visited: Set<string>;
  readonly signal?: AbortSignal;
}

async function scanFolder(walk: Walk, folder: string): Promise<void> {
  walk.signal?.throwIfAborted();
  const path = join(walk.root, folder);
  const real = await realpath(path);
  if (walk.visited.has(real)) return;
  walk.visited.add(real);
  const before = walk.videos.length;
  const files: FoundFile[] = [];
  for (const entry of await readdir(path)) {
    if (isSystemFile(entry)) continue;
    const name = folder === '' ? entry : `${folder}/${entry}`;
    const status = await stat(join(path, entry)).catch(() => undefined);
    if (status?.isDirectory()) await scanFolder(walk, name);
    else if (status?.isFile()) files.push(await describe(name, join(path, entry), status.size, status.mtimeMs));
    else walk.unknown.push(name);
  }
  addVideos(walk, folder, files, walk.videos.length > before);
}

async function describe(name: string, path: string, bytes: number, modified: number): Promise<FoundFile> {
  const extension = extname(name).slice(1).toLowerCase();
  return { name: name.normalize('NFC'), path, kind: await kindOf(path, extension), bytes, modified };
}

async function kindOf(path: string, extension: string): Promise<Kind> {
  if (VIDEO.has(extension)) return 'video';
  if (extension === 'zip') return 'zip';
  if (!PICTURE_EXTENSIONS.has(extension)) return 'unknown';
  return MAYBE_ANIMATED.has(extension) && (await isAnimated(path)) ? 'animation' : 'picture';
}

async function isAnimated(path: string): Promise<boolean> {
  const about = await sharp(path)
    .metadata()
    .catch(() => undefined);
  return (about?.pages ?? 1) > 1;
}

/** The files of one folder as videos. Still pictures beside other videos are covers and the like. */
function addVideos(
  { root, videos, unknown }: Walk,
  folder: string,
  files: readonly FoundFile[],
  others: boolean,
): void {
  const pictures = files.filter(({ kind }) => kind === 'picture');
  const whole = files.filter(
    (file): file is FoundFile & FoundVideo => file.kind !== 'picture' && file.kind !== 'unknown',
  );
  // One by one: as arguments of one call a few hundred thousand are too many.
  for (const { kind, name } of files) if (kind === 'unknown') unknown.push(name);
  for (const file of whole) videos.push(file);
  if (pictures.length === 0) return;
  if (whole.length > 0 || (others && folder !== '')) for (const { name } of pictures) unknown.push(name);
  else if (folder === '') for (const picture of pictures as (FoundFile & FoundVideo)[]) videos.push(picture);
  else {
    const bytes = pictures.reduce((sum, picture) => sum + picture.bytes, 0);
    const modified = pictures.reduce((latest, picture) => Math.max(latest, picture.modified), 0);
    const paths = pictures.map(({ path }) => path).sort(compareNatural);
    const name = folder.normalize('NFC');
    videos.push({ name, path: join(root, folder), kind: 'folder', bytes, modified, pictures: paths });
  }
}
