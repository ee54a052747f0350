import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoSummary } from '@wbdc/demo-data';
import { makeFolder } from '@wbdc/io';
import { checkWbdcData, describeAiac, indexAiac } from '@wbdc/pipeline/prepare';
import { loadDemoData } from '../core/demo-data.js';
import { counted } from '@wbdc/report/format';
import { observed } from '../core/observer.js';
import { createProgress } from '../core/progress.js';
import type { Artifact, JsonObject, StageContext, StageResult } from '../run/stage.js';
import { allSplits } from '@wbdc/pipeline/settings';
import { dataRoot, ownFolder, placesOf } from './data-root.js';

/** Builds the embedded data set, or checks the user's own. */
export async function runDataStage(context: StageContext): Promise<StageResult> {
  const { folder, layout } = context.config.data;
  if (folder === null) return buildEmbedded(context);
  return layout === 'aiac' ? indexFolder(context) : checkFolder(context);
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
    set: config.data.set,
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
  const { data } = context.config;
  await makeFolder(context.folder);
  const read: Artifact[] = [];
  const splits: Record<string, JsonObject> = {};
  const { frames } = placesOf(context);
  const options = { root: dataRoot(context), frames, splits: allSplits(data), maxBadShare: data.maxBadShare };
  let total = 0;
  await observed(context.output, async (observer) => {
    for await (const checked of checkWbdcData({ ...options, signal: context.signal, observer })) {
      const { split, path, videos, bad, withoutFrames } = checked;
      splits[split] = { videos, bad, withoutFrames };
      total += videos;
      read.push({ path, about: `${counted(videos, 'video')}, ${bad} bad, ${withoutFrames} without frames` });
    }
  });
  return { status: 'complete', read, made: [], summary: { videos: total, splits } };
}

/** Keeps texts and an index of the records of the user's own AIAC data. */
async function indexFolder(context: StageContext): Promise<StageResult> {
  const { data } = context.config;
  const options = { root: ownFolder(context)!, splits: allSplits(data), maxBadShare: data.maxBadShare };
  const { width, splits } = await observed(context.output, (observer) =>
    indexAiac({ ...options, out: context.folder, signal: context.signal, observer }),
  );
  return {
    status: 'complete',
    read: splits.flatMap(({ split, sources }) => sources.map((path) => ({ path, about: `a part of ${split}` }))),
    made: splits.flatMap(({ annotations, recordIndex, counts }) => [
      { path: annotations, about: describeAiac(counts) },
      { path: recordIndex, about: 'where each record lies' },
    ]),
    summary: {
      layout: 'aiac',
      videos: splits.reduce((sum, { counts }) => sum + counts.videos, 0),
      width,
      splits: Object.fromEntries(splits.map(({ split, counts }) => [split, counts])),
    },
  };
}
