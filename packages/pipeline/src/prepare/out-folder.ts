import { readdir, rename } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { exists, isTemporary, makeFolder, parseJson, readIfThere, writeJson } from '@wbdc/io';
import { differences, WbdcError } from '@wbdc/io/errors';
import { z } from 'zod';

/** What a data set is made with: kept in its folder, so that no other is mixed in. */
export type PrepareSettings = Readonly<Record<string, string | number | null>>;

const RECORD = 'prepare.json';

/**
 * Refuses a folder for a data set before anything is read.
 *
 * @throws WbdcError when it lies inside `folder` (`out-inside`), holds other files (`out-foreign`), or a data set that
 *   was made with other settings (`out-other-settings`) or whose note of them is damaged (`out-damaged`)
 */
export async function checkOutFolder(root: string, folder: string, settings: PrepareSettings): Promise<void> {
  if (!(await exists(root))) return;
  const earlier = await readIfThere(join(root, RECORD));
  if (earlier === undefined) {
    // One that was ended while it wrote its note has made nothing yet.
    if ((await readdir(root)).every(isTemporary)) return;
    const expected = 'no folder, or one that an earlier preparation made';
    throw new WbdcError({ where: root, expected, got: 'other files', code: 'out-foreign' });
  }
  const changed = differences(parseSettings(earlier, join(root, RECORD)), settings);
  if (changed.length === 0) return;
  const lines = changed.map(({ path, before, after }) => `  ${path}: there ${before}, now ${after}`);
  throw new WbdcError({
    where: root,
    expected: `a data set of the same settings of ${folder}`,
    got: `others:\n${lines.join('\n')}`,
    code: 'out-other-settings',
  });
}

const recordSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));

function parseSettings(text: string, path: string): PrepareSettings {
  try {
    return recordSchema.parse(parseJson(text, path));
  } catch (cause) {
    const expected = 'what a data set was made with, as an earlier preparation noted it';
    const advice = 'make the data set anew, in another folder or over this one';
    throw new WbdcError({ where: path, expected, got: 'a damaged file', advice, code: 'out-damaged' }, { cause });
  }
}

/** @throws WbdcError when the data set would lie among the videos that it is made of */
export function assertOutside(root: string, folder: string): void {
  if (relative(resolve(folder), root).startsWith('..')) return;
  throw new WbdcError({
    where: root,
    expected: `a folder outside of ${folder}`,
    got: 'one inside it, where its frames would be found as videos',
    code: 'out-inside',
  });
}

/** Makes the folder, with a note of the settings; one that is there is moved aside where it is to be overwritten. */
export async function openOutFolder(root: string, settings: PrepareSettings, overwrite: boolean): Promise<void> {
  if (overwrite && (await exists(root))) await moveAside(root);
  await makeFolder(root);
  await writeJson(join(root, RECORD), settings);
}

async function moveAside(root: string): Promise<void> {
  let n = 1;
  while (await exists(`${root}.old-${n}`)) n++;
  await rename(root, `${root}.old-${n}`);
}
