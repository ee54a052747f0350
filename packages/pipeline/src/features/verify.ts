import { openFeatureStore, readSkipped, verifyFeatureStore, type DataError, type Recipe } from '@wbdc/data';
import { shownLocation, type RemoteOptions } from '@wbdc/io/remote';
import { counted } from '@wbdc/report/format';
import { recipeDifferences } from '@wbdc/video-features';
import type { Observer } from '../observer.js';
import { filesOf, readSplitIds, type FeatureFolders } from './split.js';

export interface VerifyFeaturesOptions extends FeatureFolders {
  /** How stores on a server are read. */
  readonly remote?: RemoteOptions;
  readonly signal?: AbortSignal;
  readonly observer?: Observer;
}

/** What was found in a split's store. */
export interface VerifiedFeatures {
  readonly split: string;
  readonly path: string;
  readonly videos: number;
  readonly frames: number;
  readonly skipped: number;
  /** What is wrong; empty where all is well. */
  readonly problems: readonly string[];
}

/**
 * Reads the stores of all splits from end to end: checksums, widths and frames of every array, one recipe, every video
 * of the annotations there or among the skipped, and no others.
 */
export async function* verifyFeatures(options: VerifyFeaturesOptions): AsyncGenerator<VerifiedFeatures> {
  let first: { readonly recipe: Recipe | undefined; readonly split: string } | undefined;
  for (const split of options.splits) {
    const path = filesOf(options, split).store;
    const { recipe, size } = await describeStore(path, options.remote);
    first ??= { recipe, split };
    const differences = recipeDifferences(first.recipe ?? {}, recipe ?? {});
    const recipes = differences.map((line) => `another recipe than in ${first!.split}: ${line}`);
    const { problems, ...counts } = await verifySplit(options, split, path, size);
    yield { split, path: shownLocation(path), ...counts, problems: [...recipes, ...problems] };
  }
}

async function describeStore(path: string, remote?: RemoteOptions): Promise<{ recipe?: Recipe; size: number }> {
  const store = await openFeatureStore(path, remote && { remote });
  await store.close();
  return { ...(store.recipe && { recipe: store.recipe }), size: store.size };
}

async function verifySplit(options: VerifyFeaturesOptions, split: string, path: string, size: number) {
  const { root, maxBadShare, remote, signal, observer } = options;
  const ids = await readSplitIds(root, split, maxBadShare);
  const skipped = await readSkipped(filesOf(options, split).skipped, remote);
  const expected = ids.filter((id) => !skipped.has(id));
  const problems: string[] = [];
  const progress = { noun: `videos of ${split}`, total: size };
  let done = 0;
  try {
    const { videos, frames, missing } = await verifyFeatureStore(path, {
      expected,
      remote,
      ...(signal && { signal }),
      onVideo: () => observer?.onProgress?.({ ...progress, done: ++done }),
      onBad: ({ message }: DataError) => problems.push(message),
    });
    const others = videos - (expected.length - missing);
    if (others > 0)
      problems.push(`${path}: ${others} videos that the annotations do not have, or that count as skipped`);
    return { videos, frames, skipped: skipped.size, problems };
  } finally {
    observer?.onProgress?.({ ...progress, done, ended: true });
  }
}

/** Lines for people; of many problems the first ten. */
export function describeVerified({ split, path, problems, videos, frames, skipped }: VerifiedFeatures): string[] {
  const more = problems.length - 10;
  return [
    `${problems.length === 0 ? 'ok      ' : 'WRONG   '} ${path}`,
    `         ${split}: ${counted(videos, 'video')}, ${counted(frames, 'frame')}, ${skipped} skipped`,
    ...problems.slice(0, 10).map((problem) => `         ${problem}`),
    ...(more > 0 ? [`         and ${more} more (--json has all)`] : []),
  ];
}
