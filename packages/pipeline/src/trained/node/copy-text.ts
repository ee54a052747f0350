import { join } from 'node:path';
import { writeFileAtomic } from '@wbdc/io';
import type { ModelFiles } from '../model-files.js';

/** Whether there was such a file. */
export async function copyText(files: ModelFiles, name: string, folder: string): Promise<boolean> {
  const text = await files.readText(name);
  if (text !== undefined) await writeFileAtomic(join(folder, name), text);
  return text !== undefined;
}
