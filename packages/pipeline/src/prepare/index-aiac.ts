import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  aiacIndexLayout,
  aiacLayout,
  findAiacWidth,
  isGzip,
  openAiacFiles,
  SkipCounter,
  unpackTfRecords,
  writeAnnotations,
  type AiacFiles,
  type Video,
} from '@wbdc/data';
import { exists, isSystemFile, makeFolder, sizeOnDisk } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { counted } from '@wbdc/report/format';
import type { Observer } from '../observer.js';
import { MAX_BAD_SHARE, type DataSplits } from './check-wbdc.js';
import { MissingSplitError } from './missing-split.js';

export interface IndexAiacOptions extends DataSplits {
  /** Where annotations, indexes and unpacked files are written; see `aiacIndexLayout`. */
  readonly out: string;
}

/** What was found in the records of a split. A type alias and not an interface: it counts as plain data. */
export type AiacCounts = {
  readonly videos: number;
  readonly frames: number;
  /** Videos with tags. */
  readonly tagged: number;
  readonly withoutFrames: number;
  /** Categories that are left out, as one has 4 digits here. */
  readonly otherCategories: number;
  /** Records that are skipped. */
  readonly bad: number;
};

export interface IndexedSplit {
  readonly split: string;
  /** Its record files, as they are in the data set. */
  readonly sources: readonly string[];
  readonly annotations: string;
  readonly recordIndex: string;
  readonly counts: AiacCounts;
}

export interface IndexedAiac {
  /** Dv of the frame features. */
  readonly width: number;
  readonly splits: readonly IndexedSplit[];
}

/**
 * Reads the TFRecords of every split of a data set in the AIAC layout once: checks each record, keeps its texts as
 * annotations and its position in an index, so that no later reading needs 100 GB of features for its titles. Packed
 * files are unpacked, as frames are read at random.
 *
 * @throws MissingSplitError when a split has no folder; WbdcError when there are no records, or none with frame
 *   features; DataError when a file is cut off or too many records are bad
 */
export async function indexAiac(options: IndexAiacOptions): Promise<IndexedAiac> {
  const layout = aiacIndexLayout(options.out);
  const sources = new Map<string, string[]>();
  for (const split of options.splits) sources.set(split, await recordFiles(options.root, split));
  for (const path of [layout.annotations(''), layout.recordIndex('')]) await makeFolder(dirname(path));
  const plain = new Map<string, string[]>();
  for (const [split, paths] of sources) plain.set(split, await unpacked(options, split, paths));
  const width = await findAiacWidth([...plain.values()].flat(), { onBad: () => undefined });
  if (width === undefined) {
    throw new WbdcError({ where: options.root, expected: 'records with frame_feature', got: 'none' });
  }
  const splits: IndexedSplit[] = [];
  for (const [split, paths] of plain) {
    const counts = await indexSplit(options, split, paths, width);
    const [annotations, recordIndex] = [layout.annotations(split), layout.recordIndex(split)];
    splits.push({ split, sources: sources.get(split)!, annotations, recordIndex, counts });
  }
  return { width, splits };
}

/** `<root>/<split>/*.tfrecord(s)(.gz)`, in the order of their names. */
export async function recordFiles(root: string, split: string): Promise<string[]> {
  const folder = aiacLayout(root).records(split);
  if (!(await exists(folder))) {
    throw new MissingSplitError(split, `the TFRecords of the split '${split}' in ${folder}`, 'folder');
  }
  const names = (await readdir(folder)).filter(isRecordFile).sort();
  if (names.length > 0) return names.map((name) => join(folder, name));
  throw new WbdcError({ where: folder, expected: 'files *.tfrecord or *.tfrecords', got: 'none' });
}

function isRecordFile(name: string): boolean {
  return /\.tfrecords?(\.gz)?$/i.test(name) && !isSystemFile(name);
}

/** The same files, packed ones replaced by a plain copy; copies of an earlier call stay. */
async function unpacked(
  { out, signal, observer }: IndexAiacOptions,
  split: string,
  paths: readonly string[],
): Promise<string[]> {
  const folder = aiacIndexLayout(out).unpacked(split);
  const plain: string[] = [];
  for (const path of paths) {
    if (!(await isGzip(path))) {
      plain.push(path);
      continue;
    }
    const copy = join(folder, basename(path).replace(/\.gz$/i, ''));
    plain.push(copy);
    if (await exists(copy)) continue;
    observer?.onMessage?.(`unpacking ${path}, for access by id`);
    await makeFolder(folder);
    await unpackTfRecords(path, copy, signal);
  }
  return plain;
}

/** One pass over the records of a split: its annotations, its index, and what was found. */
async function indexSplit(
  { out, maxBadShare = MAX_BAD_SHARE, signal, observer }: IndexAiacOptions,
  split: string,
  paths: readonly string[],
  width: number,
): Promise<AiacCounts> {
  const layout = aiacIndexLayout(out);
  const bad = new SkipCounter(`records of ${split}`, maxBadShare, 'maxBadShare');
  const files = await openAiacFiles(paths, { width, onBad: bad.add });
  const counting = new Counting(split, await totalSize(paths), width * 2, observer);
  try {
    await writeAnnotations(layout.annotations(split), counting.videosOf(files, signal));
    await files.saveIndex(layout.recordIndex(split));
  } finally {
    counting.end();
    await files.close();
  }
  const { counts } = counting;
  bad.check(counts.videos + bad.count);
  if (bad.count > 0) {
    observer?.onWarning?.(`${split}: ${counted(bad.count, 'record')} skipped; the first: ${bad.examples[0]}`);
  }
  return { ...counts, bad: bad.count };
}

async function totalSize(paths: readonly string[]): Promise<number> {
  const sizes = await Promise.all(paths.map(sizeOnDisk));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const CATEGORY = /^\d{4}$/;

/** Counts the videos of a split while they pass, and reports how many bytes of their frames have been read. */
class Counting {
  readonly counts = { videos: 0, frames: 0, tagged: 0, withoutFrames: 0, otherCategories: 0 };

  constructor(
    private readonly split: string,
    private readonly bytes: number,
    private readonly bytesPerFrame: number,
    private readonly observer: Observer | undefined,
  ) {}

  async *videosOf(files: AiacFiles, signal: AbortSignal | undefined): AsyncGenerator<Video> {
    const { counts } = this;
    for await (const { frameCount, categoryId, ...video } of files.videos()) {
      signal?.throwIfAborted();
      const category = categoryId !== undefined && CATEGORY.test(categoryId) ? { categoryId } : {};
      counts.videos++;
      counts.frames += frameCount;
      counts.tagged += Number((video.tags?.length ?? 0) > 0);
      counts.withoutFrames += Number(frameCount === 0);
      counts.otherCategories += Number(categoryId !== undefined && !('categoryId' in category));
      this.report(false);
      yield { ...video, ...category };
    }
  }

  end(): void {
    this.report(true);
  }

  private report(ended: boolean): void {
    const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
    const done = megabytes(this.counts.frames * this.bytesPerFrame);
    this.observer?.onProgress?.({ noun: `MB of ${this.split}`, done, total: megabytes(this.bytes), ended });
  }
}

/** For people: `1,200 videos, 30 frames`. */
export function describeAiac({ videos, frames, tagged, withoutFrames, otherCategories, bad }: AiacCounts): string {
  const parts = [counted(videos, 'video'), counted(frames, 'frame'), `${tagged} with tags`];
  if (withoutFrames > 0) parts.push(`${withoutFrames} without frames`);
  if (otherCategories > 0) parts.push(`${otherCategories} categories left out that have no 4 digits`);
  if (bad > 0) parts.push(`${bad} bad ones skipped`);
  return parts.join(', ');
}
