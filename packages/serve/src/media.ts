import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { ServeError } from './errors.js';

/** Files below the folders that a server may read; nothing else is ever opened for a request. */
export class Media {
  private constructor(private readonly folders: readonly string[]) {}

  /** @param folders that exist; links in them lead nowhere else */
  static async open(folders: readonly string[]): Promise<Media> {
    return new Media(await Promise.all(folders.map((folder) => realpath(resolve(folder)))));
  }

  /** The real path of a file that may be read. @throws ServeError `forbidden`, also where there is no such file */
  async allow(path: string): Promise<string> {
    if (this.folders.length > 0 && isAbsolute(path) && !path.includes('\0')) {
      const real = await realpath(path).catch(() => undefined);
      if (real !== undefined && this.folders.some((folder) => isBelow(folder, real))) return real;
    }
    // One answer for all: what is where outside is not for a request to find out.
    throw new ServeError({ expected: 'a file in the media folders', got: 'another', code: 'forbidden' });
  }
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** What a browser plays or shows moving, by its ending. */
const TYPES: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
  ogv: 'video/ogg',
  gif: 'image/gif',
  webp: 'image/webp',
  avif: 'image/avif',
};

/** The type of a file that a browser plays; undefined of others. */
export function mediaType(path: string): string | undefined {
  return TYPES[/\.([a-z0-9]+)$/i.exec(path)?.[1].toLowerCase() ?? ''];
}

/** Whether a browser plays a file as a video or shows it as a picture that moves; undefined where it does neither. */
export function mediaKind(path: string): 'video' | 'image' | undefined {
  const type = mediaType(path);
  return type === undefined ? undefined : type.startsWith('video/') ? 'video' : 'image';
}
