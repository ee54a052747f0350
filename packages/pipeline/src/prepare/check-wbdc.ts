import { DataError, readAnnotations, SkipCounter, wbdcLayout } from '@wbdc/data';
import { exists } from '@wbdc/io';
import { isRemote } from '@wbdc/io/remote';
import { Growing, IdIndex } from '@wbdc/io/tables';
import { counted } from '@wbdc/report/format';
import type { Observer } from '../observer.js';
import { MissingSplitError } from './missing-split.js';

/** Which splits of a data set are read. */
export interface DataSplits {
  /** The folder of the data set. */
  readonly root: string;
  readonly splits: readonly string[];
  /** Where `zip_frames/` is, if elsewhere: a folder or an address. On a server nothing is looked for. */
  readonly frames?: string | undefined;
  /** Share of bad records above which it is an error. Default 0.001. */
  readonly maxBadShare?: number;
  readonly signal?: AbortSignal | undefined;
  readonly observer?: Observer | undefined;
}

export const MAX_BAD_SHARE = 0.001;

/** What was found in a split. */
export interface CheckedSplit {
  readonly split: string;
  /** Its annotations. */
  readonly path: string;
  readonly videos: number;
  /** Records that are skipped: a wrong field, an id that was there before. */
  readonly bad: number;
  /** Videos whose zip of frames is not there; those on a server are not asked for. */
  readonly withoutFrames: number;
}

/**
 * Checks every record of a data set in the WBDC layout, split after split; nothing is written.
 *
 * @throws MissingSplitError when there are no annotations of a split; DataError when too many of its records are bad
 */
export async function* checkWbdcData(options: DataSplits): AsyncGenerator<CheckedSplit> {
  const seen = new SeenIds();
  for (const split of options.splits) {
    const path = wbdcLayout(options.root).annotations(split);
    if (!(await exists(path))) {
      throw new MissingSplitError(split, `the annotations of the split '${split}' at ${path}`, 'file');
    }
    yield await checkSplit(options, split, seen);
  }
}

/** Ids in memory without a string for each: 60 bytes a video, where a Map takes 200. */
class SeenIds {
  private readonly ids = new IdIndex();
  /** The split of every id, by its number. */
  private readonly numbers = new Growing(Int32Array);
  private readonly splits: string[] = [];

  /** The split that an id was in before; undefined where it is new, and counts from now on. */
  add(id: string, split: string): string | undefined {
    const known = this.ids.get(id);
    if (known >= 0) return this.splits[this.numbers.at(known)];
    if (this.splits.at(-1) !== split) this.splits.push(split);
    this.ids.add(id);
    this.numbers.push(this.splits.length - 1);
    return undefined;
  }
}

/**
 * @param seen the split of every id so far. A video that is there twice is bad, most of all one that is trained on and
 *   held out.
 */
async function checkSplit(options: DataSplits, split: string, seen: SeenIds): Promise<CheckedSplit> {
  const { root, frames, maxBadShare = MAX_BAD_SHARE, signal, observer } = options;
  const bad = new SkipCounter('records', maxBadShare, 'maxBadShare');
  const layout = wbdcLayout(root, frames);
  const looks = frames === undefined || !isRemote(frames);
  const path = layout.annotations(split);
  let videos = 0;
  let withoutFrames = 0;
  for await (const { id } of readAnnotations(path, { onBad: bad.add })) {
    signal?.throwIfAborted();
    const before = seen.add(id, split);
    if (before !== undefined) {
      bad.add(new DataError(`${path}: expected every id once, got video ${id} again, after ${before}`));
      continue;
    }
    videos++;
    if (looks && !(await exists(layout.frameZip(split, id)))) withoutFrames++;
  }
  bad.check(videos + bad.count);
  if (bad.count > 0) {
    const records = counted(bad.count, 'record');
    observer?.onWarning?.(`${split}: ${records} to be skipped; the first: ${bad.examples[0]}`);
  }
  return { split, path, videos, bad: bad.count, withoutFrames };
}
