import { mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findAiacWidth, isGzip, openAiacFiles, SkipCounter, unpackTfRecords, writeAnnotations } from '@wbdc/data';
import type { Video } from '@wbdc/data';
import { exists, sizeOnDisk } from '@wbdc/io';
import { UserError } from '../errors.js';
import { counted } from '../format.js';
import { createProgress } from '../progress.js';
import type { Artifact, JsonObject, StageContext, StageResult } from '../stage.js';
import { allSplits, annotationsPath, ownFolder, recordIndexPath } from './data-root.js';

const CATEGORY = /^\d{4}$/;

interface SplitCounts {
  videos: number;
  frames: number;
  tagged: number;
  withoutFrames: number;
  /** Left out, as a category has 4 digits here. */
  otherCategories: number;
  bad: number;
}

/**
 * Reads the TFRecords of every split once: checks each record, keeps its texts as annotations and its place in an index, so
 * that no later stage reads 100 GB of features for its titles. Packed files are unpacked, as frames are read at random.
 */
export async function readAiacFolder(context: StageContext): Promise<StageResult> {
  const { config, folder } = context;
  const sources = new Map<string, string[]>();
  for (const split of allSplits(config.data)) sources.set(split, await recordFiles(ownFolder(context)!, split));
  for (const name of ['annotations', 'records']) await mkdir(join(folder, name), { recursive: true });
  const read: Artifact[] = [];
  const made: Artifact[] = [];
  const splits: Record<string, JsonObject> = {};
  const plain = new Map<string, string[]>();
  for (const [split, paths] of sources) plain.set(split, await unpacked(context, split, paths));
  const width = await findAiacWidth([...plain.values()].flat(), { onBad: () => undefined });
  if (width === undefined) throw new UserError(`${ownFolder(context)}: expected records with frame_feature, got none`);
  for (const [split, paths] of plain) {
    const counts = await readSplit(context, split, paths, width);
    splits[split] = { ...counts };
    read.push(...sources.get(split)!.map((path) => ({ path, about: `a part of ${split}` })));
    made.push({ path: annotationsPath(folder, split), about: describe(counts) });
    made.push({ path: recordIndexPath(folder, split), about: 'where each record lies' });
  }
  const videos = Object.values(splits).reduce((sum, counts) => sum + Number(counts['videos']), 0);
  return { status: 'complete', read, made, summary: { layout: 'aiac', videos, width, splits } };
}

function describe({ videos, frames, tagged, withoutFrames, otherCategories, bad }: SplitCounts): string {
  const parts = [counted(videos, 'video'), counted(frames, 'frame'), `${tagged} with tags`];
  if (withoutFrames > 0) parts.push(`${withoutFrames} without frames`);
  if (otherCategories > 0) parts.push(`${otherCategories} categories left out that have no 4 digits`);
  if (bad > 0) parts.push(`${bad} bad ones skipped`);
  return parts.join(', ');
}

/** `<root>/<split>/*.tfrecord(s)(.gz)`, in the order of their names. */
async function recordFiles(root: string, split: string): Promise<string[]> {
  const folder = join(root, split);
  if (!(await exists(folder))) {
    throw new UserError(
      `expected the TFRecords of the split '${split}' in ${folder}, but there is no such folder: check data.folder, or ` +
        `name the splits you have with data.trainSplits and data.heldOutSplits`,
    );
  }
  const names = (await readdir(folder)).filter((name) => /\.tfrecords?(\.gz)?$/i.test(name)).sort();
  if (names.length === 0) throw new UserError(`${folder}: expected files *.tfrecord or *.tfrecords, got none`);
  return names.map((name) => join(folder, name));
}

/** The same files, packed ones replaced by a plain copy in the stage's folder; what is there already stays. */
async function unpacked(
  { folder, output, signal }: StageContext,
  split: string,
  paths: readonly string[],
): Promise<string[]> {
  const plain: string[] = [];
  for (const path of paths) {
    if (!(await isGzip(path))) {
      plain.push(path);
      continue;
    }
    const copy = join(folder, 'unpacked', split, basename(path).replace(/\.gz$/i, ''));
    plain.push(copy);
    if (await exists(copy)) continue;
    output.say(`unpacking ${path}, for access by id`);
    await mkdir(join(folder, 'unpacked', split), { recursive: true });
    await unpackTfRecords(path, copy, signal);
  }
  return plain;
}

/** One pass over the records of a split: its annotations, its index, and what was found. */
async function readSplit(
  { config, folder, output, signal }: StageContext,
  split: string,
  paths: readonly string[],
  width: number,
): Promise<SplitCounts> {
  const bad = new SkipCounter(`records of ${split}`, config.data.maxBadShare, 'data.maxBadShare');
  const files = await openAiacFiles(paths, { width, onBad: bad.add });
  const counts: SplitCounts = { videos: 0, frames: 0, tagged: 0, withoutFrames: 0, otherCategories: 0, bad: 0 };
  const progress = createProgress(output, `MB of ${split}`);
  const total = (await Promise.all(paths.map(sizeOnDisk))).reduce((sum, size) => sum + size, 0);
  try {
    await writeAnnotations(annotationsPath(folder, split), texts());
    await files.saveIndex(recordIndexPath(folder, split));
  } finally {
    progress.stop();
    await files.close();
  }
  bad.check(counts.videos + bad.count);
  if (bad.count > 0) output.warn(`${split}: ${counted(bad.count, 'record')} skipped; the first: ${bad.examples[0]}`);
  return { ...counts, bad: bad.count };

  async function* texts(): AsyncGenerator<Video> {
    for await (const { frameCount, categoryId, ...video } of files.videos()) {
      signal.throwIfAborted();
      const category = categoryId !== undefined && CATEGORY.test(categoryId) ? { categoryId } : {};
      counts.videos++;
      counts.frames += frameCount;
      counts.tagged += Number((video.tags?.length ?? 0) > 0);
      counts.withoutFrames += Number(frameCount === 0);
      counts.otherCategories += Number(categoryId !== undefined && !('categoryId' in category));
      progress.update(megabytes(counts.frames * width * 2), megabytes(total));
      yield { ...video, ...category };
    }
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
