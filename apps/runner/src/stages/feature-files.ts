import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, readAnnotations, SkipCounter } from '@wbdc/data';
import { readIfThere, writeFileAtomic } from '@wbdc/io';
import type { StageContext } from '../stage.js';
import { annotationsPath, dataRoot } from './data-root.js';

/** The store with a split's frame features in a folder of the features stage. */
export function featureStorePath(folder: string, split: string): string {
  return join(folder, `${split}.zip`);
}

/** The ids of a split in the order of its annotations; a second record of the same id is counted as bad. */
export async function listIds(
  context: Pick<StageContext, 'config' | 'upstream' | 'output'>,
  split: string,
): Promise<string[]> {
  const path = annotationsPath(dataRoot(context), split);
  const bad = new SkipCounter('records', context.config.data.maxBadShare, 'data.maxBadShare');
  const ids = new Set<string>();
  for await (const { id } of readAnnotations(path, { onBad: bad.add })) {
    if (ids.has(id)) bad.add(new DataError(`${path}: expected every id once, got ${id} twice`));
    ids.add(id);
  }
  bad.check(ids.size + bad.count);
  return [...ids];
}

/** Videos without features by id, with the reason. */
export type Skipped = ReadonlyMap<string, string>;

function skippedPath(folder: string, split: string): string {
  return join(folder, `${split}.skipped.tsv`);
}

/** Keeps which videos of a split have no features and why; no file where all have. */
export async function writeSkipped(folder: string, split: string, skipped: Skipped): Promise<void> {
  const path = skippedPath(folder, split);
  if (skipped.size === 0) return rm(path, { force: true });
  const lines = Array.from(skipped, ([id, reason]) => `${id}\t${reason.replaceAll(/\s+/g, ' ')}\n`);
  await writeFileAtomic(path, lines.join(''));
}

export async function readSkipped(folder: string, split: string): Promise<Skipped> {
  const text = (await readIfThere(skippedPath(folder, split))) ?? '';
  const lines = text.split('\n').filter(Boolean);
  return new Map(lines.map((line) => line.split('\t') as [id: string, reason: string]));
}
