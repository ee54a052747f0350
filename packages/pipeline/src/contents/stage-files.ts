import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isTemporary, sizeOnDisk } from '@wbdc/io';

/** What trainings write before their first step, and can write again. */
const PREPARED = ['tag_list.txt', 'aiac', 'metrics.jsonl', 'contents.tsv'];

/** Whether an unfinished stage has made nothing, as one that failed at its start. */
export async function madeNothing(folder: string): Promise<boolean> {
  if ((await sizeOnDisk(join(folder, 'metrics.jsonl'))) > 0) return false;
  const about = ['stage.json', ...PREPARED];
  const names = (await readdir(folder)).filter((name) => !about.includes(name) && !isTemporary(name));
  const sizes = await Promise.all(names.map((name) => sizeOnDisk(join(folder, name))));
  return sizes.every((size) => size === 0);
}

/** Removes what a stage that has made nothing had prepared. */
export async function clearStage(folder: string): Promise<void> {
  for (const name of PREPARED) await rm(join(folder, name), { recursive: true, force: true });
}
