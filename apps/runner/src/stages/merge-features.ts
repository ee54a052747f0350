import { mergeFeatureStores, openFeatureStore } from '@wbdc/data';
import { exists } from '@wbdc/io';
import { UserError } from '../errors.js';
import { counted } from '../format.js';
import { createProgress } from '../progress.js';
import { partsOf, type StagePart } from '../run-folder.js';
import { parseShardName, shardName } from '../shard.js';
import type { Artifact, JsonObject, StageContext, StageResult } from '../stage.js';
import { allSplits } from './data-root.js';
import { featureStorePath, listIds, readSkipped, writeSkipped, type Skipped } from './feature-files.js';
import { describeStore } from './features.js';

/** Joins the shards of the features stage, after seeing that they are all there and have every video. */
export async function mergeFeatures(context: StageContext): Promise<StageResult> {
  const shards = await completeShards(context);
  const width = shards[0].record.summary['width'] as number;
  const made: Artifact[] = [];
  const splits: Record<string, JsonObject> = {};
  for (const split of allSplits(context.config.data)) {
    const ids = await listIds(context, split);
    const skipped = await skippedOf(context, shards, split, ids, width);
    const path = featureStorePath(context.folder, split);
    if (!(context.resume && (await exists(path)))) await mergeSplit(context, shards, split, ids.length - skipped.size);
    await writeSkipped(context.folder, split, skipped);
    const counts = { videos: ids.length - skipped.size, skipped: skipped.size };
    splits[split] = counts;
    made.push({ path, about: describeStore(counts) });
  }
  const read = shards.map(({ folder, name }) => ({ path: folder, about: `shard ${name}` }));
  return { status: 'complete', read, made, summary: { width, shards: shards.length, splits } };
}

/** All shards of the first division that is complete, in order; else every problem is told at once. */
async function completeShards({ run, folder }: StageContext): Promise<StagePart[]> {
  const where = run.folderOf(partsOf('features'));
  const parts = new Map((await run.parts('features')).map((part) => [part.name, part]));
  const counts = new Set([...parts.keys()].flatMap((name) => parseShardName(name)?.count ?? []));
  if (counts.size === 0) {
    throw new UserError(
      `${where}: expected shards, found none: run wbdc features --shard i/n for every i from 0 to n - 1`,
    );
  }
  const fingerprint = (await run.record('features'))?.fingerprint;
  const divisions = [...counts].map((count) => {
    const names = Array.from({ length: count }, (_, index) => shardName({ index, count }));
    return { names, problems: names.flatMap((name) => problemOf(name, parts.get(name), fingerprint)) };
  });
  const complete = divisions.find(({ problems }) => problems.length === 0);
  if (complete) return complete.names.map((name) => parts.get(name)!);
  const lines = divisions.flatMap(({ problems }) => problems);
  throw new UserError([`${where}: expected all shards of what becomes ${folder} to be complete:`, ...lines].join('\n'));
}

function problemOf(name: string, part: StagePart | undefined, fingerprint: string | undefined): string[] {
  const { index, count } = parseShardName(name)!;
  const command = `wbdc features --shard ${index}/${count}`;
  if (part === undefined) return [`  ${name}: there is none: run ${command}`];
  if (part.record.fingerprint !== fingerprint)
    return [`  ${name}: made with other settings or another tower: run ${command} --overwrite`];
  return part.record.status === 'complete' ? [] : [`  ${name}: unfinished: run ${command} --resume`];
}

/** The videos of a split that no shard could read; a video that no shard knows of is an error. */
async function skippedOf(
  { config }: StageContext,
  shards: readonly StagePart[],
  split: string,
  ids: readonly string[],
  width: number,
): Promise<Skipped> {
  const skipped = new Map<string, string>();
  const known = new Set<string>();
  for (const { folder } of shards) {
    for (const [id, reason] of await readSkipped(folder, split)) skipped.set(id, reason);
    const store = await openFeatureStore(featureStorePath(folder, split), { width });
    for (const id of store.ids) known.add(id);
    await store.close();
  }
  const missing = ids.filter((id) => !known.has(id) && !skipped.has(id));
  const extra = known.size + skipped.size + missing.length - ids.length;
  if (missing.length > 0 || extra > 0) {
    throw new UserError(
      `${split}: expected the shards to hold the ${counted(ids.length, 'video')} of its annotations, got ${missing.length} ` +
        `missing${missing.length > 0 ? ` (${missing[0]}...)` : ''} and ${extra} others: were the annotations changed? ` +
        'Make the shards again with --overwrite',
    );
  }
  if (skipped.size > config.data.maxBadShare * ids.length) {
    throw new UserError(
      `${split}: expected at most ${config.data.maxBadShare * 100} % videos without features, got ${skipped.size} of ` +
        `${ids.length}: repair those in ${split}.skipped.tsv of the shards, or raise data.maxBadShare`,
    );
  }
  return skipped;
}

async function mergeSplit(
  context: StageContext,
  shards: readonly StagePart[],
  split: string,
  total: number,
): Promise<void> {
  const progress = createProgress(context.output, `videos of ${split}`);
  const inputs = shards.map(({ folder }) => featureStorePath(folder, split));
  let done = 0;
  try {
    await mergeFeatureStores(inputs, featureStorePath(context.folder, split), {
      signal: context.signal,
      onVideo: () => progress.update(++done, total),
    });
  } finally {
    progress.stop();
  }
}
