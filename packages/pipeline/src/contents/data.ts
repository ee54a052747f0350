import { createHash } from 'node:crypto';
import { join, relative } from 'node:path';
import { aiacLayout, readAnnotations, wbdcLayout, type WbdcLayout } from '@wbdc/data';
import { markFiles, NO_FILE, type FileMark, type FileMarks } from '@wbdc/io';
import { isRemote } from '@wbdc/io/remote';
import { recordFiles } from '../prepare/index-aiac.js';
import { hashOfMarks, NOTHING, shortHash, type Contents, type Inventory, type InventoryOptions } from './contents.js';

/** What of a data set later work may depend on; each kind has a hash of its own. */
export type DataKind =
  /** Ids and their order. */
  | 'videos'
  /** Title, OCR and ASR of every video. */
  | 'texts'
  | 'labels'
  | 'tags'
  /** Which videos belong together, where some do; runs that are older than that do not say. */
  | 'groups'
  /** What the zips of frames hold. */
  | 'frames'
  /** The truth of held-out splits. */
  | 'truth'
  /** Records of the AIAC layout: texts, labels and features in one. */
  | 'records'
  /** label.tsv of the AIAC layout. */
  | 'pairs'
  /** What categories are called. */
  | 'category names'
  /** Of the AIAC layout. */
  | 'tag list';

/** A part of a data set that has a hash of its own. */
export interface DataPart {
  readonly kind: DataKind;
  /** None of what a data set has once, whatever its splits. */
  readonly split?: string;
}

/** What a part is called among the contents of a data set: `labels of labeled`. */
export function partName({ kind, split }: DataPart): string {
  return split === undefined ? kind : `${kind} of ${split}`;
}

export interface DataInventoryOptions extends InventoryOptions {
  readonly root: string;
  readonly splits: readonly string[];
  /** Where `zip_frames/` is, if elsewhere. What is on a server is not looked at, and has no hash. */
  readonly frames?: string | undefined;
}

const RECORD_KINDS = ['videos', 'texts', 'labels', 'tags', 'groups'] as const;

/**
 * Hashes of what a data set in the WBDC layout holds. Records are read again where their file has changed alone; of a
 * zip of frames only the directory is read. What cannot be read as a record does not count; a split that is not there
 * has the hash {@link NOTHING}.
 *
 * @throws DataError where annotations are no JSON array
 */
export async function wbdcInventory(options: DataInventoryOptions): Promise<Inventory> {
  const { root, splits } = options;
  const layout = layoutOf(options);
  const remote = options.frames !== undefined && isRemote(options.frames);
  const contents: Record<string, string> = {};
  const marks = new Map<string, FileMark>();
  const mark = async (paths: readonly string[]): Promise<FileMarks> => {
    const found = await markFiles(root, paths, { known: options.known?.marks, signal: options.signal });
    for (const [name, one] of found) marks.set(name, one);
    return found;
  };
  for (const split of splits) {
    const path = relative(root, layout.annotations(split));
    const annotations = (await mark([path])).get(path)!;
    const { records, frames } = await recordsOf(options, split, annotations);
    Object.assign(contents, records);
    if (!remote) contents[partName({ kind: 'frames', split })] = hashOfMarks(await mark(frames));
    contents[partName({ kind: 'truth', split })] = hashOfMarks(await mark([relative(root, layout.truth(split))]));
  }
  contents[partName({ kind: 'category names' })] = hashOfMarks(await mark([relative(root, layout.categories)]));
  return { contents, marks };
}

function layoutOf({ root, frames }: DataInventoryOptions): WbdcLayout {
  return wbdcLayout(root, frames);
}

interface Records {
  readonly records: Contents;
  /** The zips of their frames. */
  readonly frames: readonly string[];
}

async function recordsOf(options: DataInventoryOptions, split: string, annotations: FileMark): Promise<Records> {
  return knownRecords(options, split, annotations) ?? readRecords(options, split, annotations);
}

/** From an earlier look, where the annotations hold what they held then. */
function knownRecords(options: DataInventoryOptions, split: string, { hash }: FileMark): Records | undefined {
  const { root, known } = options;
  const layout = layoutOf(options);
  if (known?.marks.get(relative(root, layout.annotations(split)))?.hash !== hash) return undefined;
  const records: Record<string, string> = {};
  for (const kind of RECORD_KINDS) {
    const name = partName({ kind, split });
    const hash = known.contents[name];
    if (hash !== undefined) records[name] = hash;
    else if (kind !== 'groups') return undefined;
  }
  const folder = join(relative(root, layout.frames(split)), '/');
  return { records, frames: [...known.marks.keys()].filter((name) => name.startsWith(folder)) };
}

async function readRecords(options: DataInventoryOptions, split: string, mark: FileMark): Promise<Records> {
  const { root, signal } = options;
  const layout = layoutOf(options);
  if (mark.hash === NO_FILE) {
    return {
      records: Object.fromEntries(
        RECORD_KINDS.filter((kind) => kind !== 'groups').map((kind) => [partName({ kind, split }), NOTHING]),
      ),
      frames: [],
    };
  }
  const hashes = RECORD_KINDS.map((kind) => ({ kind, hash: createHash('sha256') }));
  const [videos, texts, labels, tags, groups] = hashes.map(({ hash }) => hash);
  const frames: string[] = [];
  let grouped = false;
  for await (const video of readAnnotations(layout.annotations(split), { onBad: () => undefined })) {
    signal?.throwIfAborted();
    const { id, title, ocr, asr } = video;
    videos.update(`${id}\n`);
    texts.update(`${JSON.stringify([title, ocr.map(({ time, text }) => [time, text]), asr])}\n`);
    labels.update(`${video.categoryId ?? ''}\n`);
    tags.update(`${JSON.stringify(video.tags ?? [])}\n`);
    groups.update(`${JSON.stringify(video.group ?? '')}\n`);
    grouped ||= video.group !== undefined;
    frames.push(relative(root, layout.frameZip(split, id)));
  }
  return {
    records: Object.fromEntries(
      hashes
        .filter(({ kind }) => kind !== 'groups' || grouped)
        .map(({ kind, hash }) => [partName({ kind, split }), shortHash(hash)]),
    ),
    frames,
  };
}

/**
 * Hashes of what a data set in the AIAC layout holds: all bytes of its record files, so that the first look takes a
 * pass over them.
 *
 * @throws MissingSplitError when a split has no folder; WbdcError when there are no records in it
 */
export async function aiacInventory({ root, splits, known, signal }: DataInventoryOptions): Promise<Inventory> {
  const layout = aiacLayout(root);
  const contents: Record<string, string> = {};
  const marks = new Map<string, FileMark>();
  const add = async (what: string, paths: readonly string[]): Promise<void> => {
    const names = paths.map((path) => relative(root, path));
    const found = await markFiles(root, names, { known: known?.marks, signal });
    for (const [name, one] of found) marks.set(name, one);
    contents[what] = hashOfMarks(found);
  };
  for (const split of splits) await add(partName({ kind: 'records', split }), await recordFiles(root, split));
  for (const split of new Set(['pairwise', ...splits]))
    await add(partName({ kind: 'pairs', split }), [layout.labels(split)]);
  await add(partName({ kind: 'tag list' }), [layout.tagList]);
  return { contents, marks };
}
