import { DataError, openFeatureStore, verifyFeatureStore, type Recipe } from '@wbdc/data';
import { recipeDifferences } from '@wbdc/video-features';
import { createProgress } from '../progress.js';
import type { StageContext } from '../stage.js';
import { allSplits } from './data-root.js';
import { featureStorePath, listIds, readSkipped } from './feature-files.js';

type Place = Pick<StageContext, 'config' | 'upstream' | 'output'>;

/** What was found in a split's store. */
export type CheckedSplit = {
  readonly split: string;
  readonly path: string;
  readonly videos: number;
  readonly frames: number;
  readonly skipped: number;
  readonly problems: readonly string[];
};

/** Reads the stores of all splits from end to end. */
export async function verifyFeatures(place: Place, signal: AbortSignal): Promise<CheckedSplit[]> {
  const checked: CheckedSplit[] = [];
  let first: { readonly recipe: Recipe | undefined; readonly split: string } | undefined;
  for (const split of allSplits(place.config.data)) {
    const path = featureStorePath(place.upstream('features'), split);
    const { recipe, size } = await describeStore(path);
    first ??= { recipe, split };
    const differences = recipeDifferences(first.recipe ?? {}, recipe ?? {});
    const recipes = differences.map((line) => `another recipe than in ${first!.split}: ${line}`);
    const found = await verifySplit(place, split, path, size, signal);
    checked.push({ split, path, ...found, problems: [...recipes, ...found.problems] });
  }
  return checked;
}

async function describeStore(path: string): Promise<{ recipe: Recipe | undefined; size: number }> {
  const store = await openFeatureStore(path);
  await store.close();
  return { recipe: store.recipe, size: store.size };
}

async function verifySplit(place: Place, split: string, path: string, size: number, signal: AbortSignal) {
  const ids = await listIds(place, split);
  const skipped = await readSkipped(place.upstream('features'), split);
  const expected = ids.filter((id) => !skipped.has(id));
  const problems: string[] = [];
  const progress = createProgress(place.output, `videos of ${split}`);
  let done = 0;
  try {
    const { videos, frames, missing } = await verifyFeatureStore(path, {
      expected,
      signal,
      onVideo: () => progress.update(++done, size),
      onBad: ({ message }: DataError) => problems.push(message),
    });
    const others = videos - (expected.length - missing);
    if (others > 0)
      problems.push(`${path}: ${others} videos that the annotations do not have, or that count as skipped`);
    return { videos, frames, skipped: skipped.size, problems };
  } finally {
    progress.stop();
  }
}
