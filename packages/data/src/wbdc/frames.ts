import { dirname } from 'node:path';
import { makeFolder } from '@wbdc/io';
import { ZipWriter } from '@wbdc/io/zip';
import { asData } from '../files/data-error.js';

/** A picture file as it is stored: encoded, with the name that it is sorted by. */
export interface FrameFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Writes the frames of one video. They are read back in the order of their sorted names, so names must sort as the
 * frames follow (`00000.jpg`). The same frames give the same bytes.
 */
export async function writeFrameZip(path: string, images: readonly FrameFile[]): Promise<void> {
  await makeFolder(dirname(path));
  const writer = await ZipWriter.create(path);
  try {
    for (const { name, bytes } of images) await asData(writer.add(name, bytes));
    await writer.finish(false);
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
