import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemFile } from '@wbdc/io';
import { fingerprintOf } from '../../contents/changes.js';
import type { VideoTexts } from '../inputs.js';

/** Hash of what a row was made from: the texts of a video, and the sizes of its file or of those in its folder. */
export async function inputMark(path: string, { title = '', ocr = '', asr = '' }: VideoTexts): Promise<string> {
  return fingerprintOf({ title, ocr, asr, sizes: await sizesOf(path) });
}

async function sizesOf(path: string): Promise<readonly (readonly [name: string, bytes: number])[]> {
  const found = await stat(path);
  if (!found.isDirectory()) return [['', found.size]];
  const names = (await readdir(path)).filter((name) => !isSystemFile(name)).sort();
  return Promise.all(names.map(async (name) => [name, (await stat(join(path, name))).size] as const));
}
