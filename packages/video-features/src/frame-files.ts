import { extname } from 'node:path';
import { pictureFormat } from './image-format.js';

/** Extensions of pictures. */
export const PICTURE_EXTENSIONS: ReadonlySet<string> = new Set('jpg jpeg png webp gif avif tif tiff'.split(' '));

/**
 * Whether a file among frames is named as a picture: by its extension, or without one that says more (`frame.0001`).
 */
export function isNamedPicture(name: string): boolean {
  const extension = extname(name).slice(1).toLowerCase();
  return /^\d*$/.test(extension) || PICTURE_EXTENSIONS.has(extension);
}

/**
 * Whether a file among frames is one of them: it is named as a picture, be it damaged, or is one whatever its name.
 * Notes (`meta.json`, `list.txt`) are none.
 */
export function isFrame(name: string, bytes: Uint8Array): boolean {
  return isNamedPicture(name) || pictureFormat(bytes) !== undefined;
}

/** What to say of files of which none is a frame. */
export function noPicture(names: readonly string[]): string {
  const listed = names.slice(0, 3).map((name) => JSON.stringify(name));
  return `expected at least one picture, got ${counted(names)}: ${listed.join(', ')}`;
}

function counted({ length }: readonly string[]): string {
  return length === 1 ? 'another file' : `${length} other files`;
}
