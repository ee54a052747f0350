import { rm } from 'node:fs/promises';
import { readIfThere, writeFileAtomic } from '@wbdc/io';

/** Videos without features by id, with the reason. */
export type Skipped = ReadonlyMap<string, string>;

/** Keeps which videos have no features and why, a line `id<TAB>reason` each; no file where all have. */
export async function writeSkipped(path: string, skipped: Skipped): Promise<void> {
  if (skipped.size === 0) return rm(path, { force: true });
  const lines = Array.from(skipped, ([id, reason]) => `${id}\t${reason.replaceAll(/\s+/g, ' ')}\n`);
  await writeFileAtomic(path, lines.join(''));
}

/** What {@link writeSkipped} kept; none where there is no file. */
export async function readSkipped(path: string): Promise<Skipped> {
  const text = (await readIfThere(path)) ?? '';
  const lines = text.split('\n').filter(Boolean);
  return new Map(lines.map((line) => line.split('\t') as [id: string, reason: string]));
}
