import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, frameZipPath, readAnnotations, SkipCounter } from '@wbdc/data';
import type { DemoSummary } from '@wbdc/demo-data';
import { exists } from '@wbdc/io';
import { loadDemoData } from '../demo-data.js';
import { UserError } from '../errors.js';
import { counted } from '../format.js';
import { createProgress } from '../progress.js';
import type { Artifact, JsonObject, StageContext, StageResult } from '../stage.js';
import { readAiacFolder } from './data-aiac.js';
import { allSplits, annotationsPath, dataRoot } from './data-root.js';

/** Builds the embedded data set, or checks the user's own. */
export async function runDataStage(context: StageContext): Promise<StageResult> {
  const { folder, layout } = context.config.data;
  if (folder === null) return buildEmbedded(context);
  return layout === 'aiac' ? readAiacFolder(context) : checkFolder(context);
}

/** The builder wants a folder of its own that is not there yet; its contents then move up beside stage.json. */
async function buildEmbedded({ config, folder, signal, output }: StageContext): Promise<StageResult> {
  const { buildDemo } = await loadDemoData();
  const building = join(folder, 'building');
  await rm(building, { recursive: true, force: true });
  const progress = createProgress(output, 'videos');
  const summary = await buildDemo({
    folder: building,
    seed: config.seed,
    imageSize: config.data.imageSize,
    variants: config.data.variants,
    onProgress: ({ done, total }) => progress.update(done, total),
    signal,
  }).finally(() => progress.stop());
  const made = await moveUp(building, folder);
  await rm(building, { recursive: true });
  return {
    status: 'complete',
    read: Object.entries(summary.sources).map(([name, version]) => ({ path: name, about: `version ${version}` })),
    made: made.map((name) => ({ path: join(folder, name), about: describe(name, summary) })),
    summary: { videos: summary.videos, frames: summary.frames, tags: summary.tags, splits: splitCounts(summary) },
  };
}

async function moveUp(from: string, to: string): Promise<string[]> {
  const names = (await readdir(from)).sort();
  for (const name of names) {
    await rm(join(to, name), { recursive: true, force: true }); // left by an attempt that ended in between
    await rename(join(from, name), join(to, name));
  }
  return names;
}

function describe(name: string, summary: DemoSummary): string {
  const splits = Object.entries(summary.splits).map(([split, { videos }]) => `${split} ${videos}`);
  const known: Readonly<Record<string, string>> = {
    annotations: `${counted(summary.videos, 'video')} (${splits.join(', ')})`,
    zip_frames: `${counted(summary.frames, 'frame')} of ${summary.imageSize} x ${summary.imageSize} pixels`,
    'tag_list.txt': counted(summary.tags, 'tag'),
    'categories.json': `names of ${counted(summary.categories, 'category', 'categories')}`,
    'index.html': 'a look at the data, for a browser',
    'LICENSES.md': 'licences of texts and drawings',
  };
  return known[name] ?? 'the same in numbers';
}

function splitCounts({ splits }: DemoSummary): JsonObject {
  return Object.fromEntries(Object.entries(splits).map(([name, { videos, frames }]) => [name, { videos, frames }]));
}

async function checkFolder(context: StageContext): Promise<StageResult> {
  const root = dataRoot(context);
  const { data } = context.config;
  await mkdir(context.folder, { recursive: true });
  const read: Artifact[] = [];
  const splits: Record<string, { videos: number; bad: number; withoutFrames: number }> = {};
  const seen = new Map<string, string>();
  for (const split of allSplits(data)) {
    const path = annotationsPath(root, split);
    if (!(await exists(path))) throw new UserError(missingSplit(path, split));
    splits[split] = await checkSplit(context, root, split, seen);
    read.push({
      path,
      about: `${counted(splits[split].videos, 'video')}, ${splits[split].bad} bad, ${splits[split].withoutFrames} without frames`,
    });
  }
  const videos = Object.values(splits).reduce((sum, split) => sum + split.videos, 0);
  return { status: 'complete', read, made: [], summary: { videos, splits } };
}

function missingSplit(path: string, split: string): string {
  return (
    `expected the annotations of the split '${split}' at ${path}, but there is no such file: check data.folder, or name ` +
    `the splits you have with data.trainSplits and data.heldOutSplits`
  );
}

/** `seen`: the split of every id so far. A video that stands twice is bad, most of all one that is learned from and held out. */
async function checkSplit(
  { config, signal, output }: StageContext,
  root: string,
  split: string,
  seen: Map<string, string>,
) {
  const bad = new SkipCounter('records', config.data.maxBadShare, 'data.maxBadShare');
  const path = annotationsPath(root, split);
  let videos = 0;
  let withoutFrames = 0;
  for await (const { id } of readAnnotations(path, { onBad: bad.add })) {
    signal.throwIfAborted();
    const before = seen.get(id);
    if (before !== undefined) {
      bad.add(new DataError(`${path}: expected every id once, got video ${id} again, after ${before}`));
      continue;
    }
    seen.set(id, split);
    videos++;
    if (!(await exists(frameZipPath(root, split, id)))) withoutFrames++;
  }
  bad.check(videos + bad.count);
  if (bad.count > 0)
    output.warn(`${split}: ${counted(bad.count, 'record')} to be skipped; the first: ${bad.examples[0]}`);
  return { videos, bad: bad.count, withoutFrames };
}
