import { mergeFeatures } from '@wbdc/pipeline/features';
import { UserError } from '../core/errors.js';
import { observed } from '../core/observer.js';
import { changesOf } from '@wbdc/pipeline/changes';
import { partsOf, type StagePart } from '../run/run-folder.js';
import type { StageRecord } from '../run/stage-record.js';
import { parseShardName, shardName } from '@wbdc/pipeline/features';
import type { Artifact, JsonObject, StageContext, StageResult } from '../run/stage.js';
import { artifactOf, countsOf, featureFolders } from './feature-files.js';

/** Joins the shards of the features stage, after seeing that they are all there and have every video. */
export async function runMergeFeatures(context: StageContext): Promise<StageResult> {
  const { resume, signal } = context;
  const shards = await completeShards(context);
  const width = shards[0].record.summary['width'] as number;
  const made: Artifact[] = [];
  const splits: Record<string, JsonObject> = {};
  const folders = { ...featureFolders(context, context.folder), shards: shards.map(({ folder }) => folder) };
  await observed(context.output, async (observer) => {
    for await (const features of mergeFeatures({ ...folders, width, resume, signal, observer })) {
      splits[features.split] = countsOf(features);
      made.push(artifactOf(features));
    }
  });
  const read = shards.map(({ folder, name }) => ({ path: folder, about: `shard ${name}` }));
  return { status: 'complete', read, made, summary: { width, shards: shards.length, splits } };
}

/** All shards of the first division that is complete, in order; else every problem is told at once. */
async function completeShards({ run, folder, asNow }: StageContext): Promise<StagePart[]> {
  const where = run.folderOf(partsOf('features'));
  const parts = new Map((await run.parts('features')).map((part) => [part.name, part]));
  const counts = new Set([...parts.keys()].flatMap((name) => parseShardName(name)?.count ?? []));
  if (counts.size === 0) {
    throw new UserError(
      `${where}: expected shards, found none: run wbdc features --shard i/n for every i from 0 to n - 1`,
    );
  }
  const whole = await run.record('features');
  const divisions = [...counts].map((count) => {
    const names = Array.from({ length: count }, (_, index) => shardName({ index, count }));
    return { names, problems: names.flatMap((name) => problemOf(name, parts.get(name), { whole, asNow })) };
  });
  const complete = divisions.find(({ problems }) => problems.length === 0);
  if (complete) return complete.names.map((name) => parts.get(name)!);
  const lines = divisions.flatMap(({ problems }) => problems);
  throw new UserError([`${where}: expected all shards of what becomes ${folder} to be complete:`, ...lines].join('\n'));
}

/** What all shards together become. */
interface Whole {
  readonly whole: StageRecord | undefined;
  readonly asNow: StageContext['asNow'] | undefined;
}

function problemOf(name: string, part: StagePart | undefined, { whole, asNow }: Whole): string[] {
  const { index, count } = parseShardName(name)!;
  const command = `wbdc features --shard ${index}/${count}`;
  if (part === undefined) return [`  ${name}: there is none: run ${command}`];
  if (whole === undefined || changesOf(part.record, whole, asNow) !== undefined)
    return [`  ${name}: made with other settings, data or another tower: run ${command} --overwrite`];
  return part.record.status === 'complete' ? [] : [`  ${name}: unfinished: run ${command} --resume`];
}
