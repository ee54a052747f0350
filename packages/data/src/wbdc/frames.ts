import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ZipWriter } from '@wbdc/io/zip';
import { asData } from '../files/data-error.js';
import { ID_PATTERN } from './annotations.js';

/** A picture file as it is stored: encoded, with the name that gives its place. */
export interface FrameFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** `<root>/zip_frames/<split>/<last 3 characters of id>/<id>.zip`, the official layout. */
export function frameZipPath(root: string, split: string, id: string): string {
  if (!ID_PATTERN.test(id)) throw new RangeError(`expected an id of 3 to 64 letters, digits, - or _, got ${id}`);
  return join(root, 'zip_frames', split, id.slice(-3), `${id}.zip`);
}

/**
 * Writes the frames of one video. They are read back in the order of their sorted names, so names must sort as the
 * frames follow (`00000.jpg`). The same frames give the same bytes.
 */
export async function writeFrameZip(path: string, images: readonly FrameFile[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const writer = await ZipWriter.create(path);
  try {
    for (const { name, bytes } of images) await asData(writer.add(name, bytes));
    await writer.finish(false);
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
