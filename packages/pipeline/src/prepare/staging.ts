import { join } from 'node:path';
import { wbdcLayout, WBDC_SPLITS } from '@wbdc/data';
import { exists } from '@wbdc/io';

/** Where frames wait until the splits are known, in the place of a split's name. */
export const STAGED = '.decoded';

/** Where the frames of a video are, wherever an earlier run has put them. */
export async function findFrames(root: string, id: string): Promise<string | undefined> {
  for (const split of [STAGED, ...WBDC_SPLITS]) {
    const path = wbdcLayout(root).frameZip(split, id);
    if (await exists(path)) return path;
  }
  return undefined;
}

export function journalPath(root: string): string {
  return join(root, 'decoded.jsonl');
}
