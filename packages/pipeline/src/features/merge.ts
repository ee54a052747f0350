import { mergeFeatureStores, openFeatureStore, readSkipped, writeSkipped, type Skipped } from '@wbdc/data';
import { exists, makeFolder } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { counted } from '@wbdc/report/format';
import type { Observer } from '../observer.js';
import { filesOf, MAX_BAD_SHARE, readSplitIds, type FeatureFolders, type SplitFeatures } from './split.js';

export interface MergeFeaturesOptions extends FeatureFolders {
  /** The folders of all shards, in their order. */
  readonly shards: readonly string[];
  /** Dv */
  readonly width: number;
  /** Keep the splits that an earlier call has merged. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly observer?: Observer;
}

/**
 * Joins the stores of all shards of {@link computeFeatures} into one a split, after seeing that together they hold
 * every video; every array is checked while it is copied. The files are those of one run without shards.
 *
 * @throws WbdcError when videos are missing (`shards-incomplete`) or too many have no features (`too-many-skipped`)
 */
export async function* mergeFeatures(options: MergeFeaturesOptions): AsyncGenerator<SplitFeatures> {
  await makeFolder(options.out);
  for (const split of options.splits) {
    const ids = await readSplitIds(options.root, split, options.maxBadShare);
    const skipped = await skippedOf(options, split, ids);
    const { store: path, skipped: skippedPath } = filesOf(options, split);
    const videos = ids.length - skipped.size;
    if (!(options.resume && (await exists(path)))) await mergeSplit(options, split, path, videos);
    await writeSkipped(skippedPath, skipped);
    yield { split, path, videos, skipped: skipped.size };
  }
}

/** The videos of a split that no shard could read; a video that no shard knows of is an error. */
async function skippedOf(options: MergeFeaturesOptions, split: string, ids: readonly string[]): Promise<Skipped> {
  const { shards, width, maxBadShare = MAX_BAD_SHARE } = options;
  const skipped = new Map<string, string>();
  const known = new Set<string>();
  for (const out of shards) {
    const files = filesOf({ out }, split);
    for (const [id, reason] of await readSkipped(files.skipped)) skipped.set(id, reason);
    const store = await openFeatureStore(files.store, { width });
    for (const id of store.ids) known.add(id);
    await store.close();
  }
  const missing = ids.filter((id) => !known.has(id) && !skipped.has(id));
  const extra = known.size + skipped.size + missing.length - ids.length;
  if (missing.length > 0 || extra > 0) throw incomplete(split, ids.length, missing, extra);
  if (skipped.size > maxBadShare * ids.length) {
    throw new WbdcError({
      where: split,
      expected: `at most ${maxBadShare * 100} % videos without features`,
      got: `${skipped.size} of ${ids.length}`,
      advice: `repair those in ${split}.skipped.tsv of the shards, or raise maxBadShare`,
      code: 'too-many-skipped',
    });
  }
  return skipped;
}

function incomplete(split: string, count: number, missing: readonly string[], extra: number): WbdcError {
  const example = missing.length > 0 ? ` (${missing[0]}...)` : '';
  return new WbdcError({
    where: split,
    expected: `the shards to hold the ${counted(count, 'video')} of its annotations`,
    got: `${missing.length} missing${example} and ${extra} others`,
    advice: 'were the annotations changed? Make the shards again',
    code: 'shards-incomplete',
  });
}

async function mergeSplit(
  { shards, signal, observer }: MergeFeaturesOptions,
  split: string,
  path: string,
  total: number,
): Promise<void> {
  const stores = shards.map((out) => filesOf({ out }, split).store);
  const progress = { noun: `videos of ${split}`, total };
  let done = 0;
  try {
    await mergeFeatureStores(stores, path, {
      ...(signal && { signal }),
      onVideo: () => observer?.onProgress?.({ ...progress, done: ++done }),
    });
  } finally {
    observer?.onProgress?.({ ...progress, done, ended: true });
  }
}
