import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import {
  NO_TEXT,
  numberCategories,
  stableId,
  type CategoryNames,
  type ColumnChoice,
  type TextRecord,
} from '@wbdc/data';
import { exists, readIfThere, writeFileAtomic, writeJson } from '@wbdc/io';
import { differences } from '../differences.js';
import { UserError } from '../errors.js';
import type { JsonObject } from '../stage.js';
import { decodeAll } from './decode.js';
import { groupItems } from './families.js';
import type { FrameSettings } from './frames.js';
import type { Item, Placed } from './item.js';
import { preparedPage } from './page.js';
import { STAGED } from './places.js';
import { readTexts } from './read-texts.js';
import { findVideos, type FoundVideo } from '@wbdc/video-features';
import { splitItems } from './splits.js';
import { starterConfig } from './starter-config.js';
import { countItems, hasText, type PrepareSummary } from './summary.js';
import { Warnings } from './warnings.js';
import { placeFrames, readEarlierSplits, writeTexts } from './write.js';

export interface PrepareOptions {
  /** Folder with the videos. */
  readonly videos: string;
  /** CSV, TSV, JSON lines or a JSON array. */
  readonly texts?: string | undefined;
  /** Where the data set is to stand; an earlier one of the same settings is brought up to date. */
  readonly out: string;
  /** Columns that are not recognised by their names. */
  readonly columns: ColumnChoice;
  readonly separator?: string | undefined;
  readonly encoding?: string | undefined;
  readonly titleFromName: boolean;
  readonly categoryFromFolder: boolean;
  readonly frames: FrameSettings;
  readonly heldOut: number;
  readonly seed: number;
  readonly overwrite: boolean;
  /** How `out` is named in the configuration. */
  readonly shownOut: string;
  readonly say: (line: string) => void;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

export interface Prepared {
  readonly summary: PrepareSummary;
  readonly warnings: readonly string[];
  /** Videos whose frames an earlier run has left. */
  readonly reused: number;
  readonly configPath: string;
  readonly labelled: boolean;
}

/** Keeps the settings a folder is made with. */
const RECORD = 'prepare.json';

/**
 * Makes the official WBDC layout out of a folder of videos and a table: annotations, frames, tags, categories, splits, a page
 * to look at and a configuration to learn with. Running it again decodes only what is new or has changed; ids, category
 * numbers and what is held out stay.
 */
export async function prepare(options: PrepareOptions): Promise<Prepared> {
  const root = resolve(options.out);
  await checkFolder(root, options);
  const warnings = new Warnings();
  const { videos: sources, unknown } = await findVideos(resolve(options.videos), options.signal);
  if (sources.length === 0)
    throw new UserError(
      `${options.videos}: expected videos (mp4, webm, mkv, mov...), folders or zips of pictures, GIF or WebP, got none`,
    );
  for (const name of unknown)
    if (resolve(options.videos, name) !== tablePath(options)) warnings.add('unknown file', name);
  const texts = await readTexts(sources, options, warnings);
  const ids = new Map(sources.map((source) => [idOf(source, texts.get(source)), source]));
  if (ids.size < sources.length)
    throw new UserError('expected ids of 19 or 20 digits once each, got one twice: give every video its own id');
  await openFolder(root, options);
  const { decoded, reused } = await decodeAll(ids, {
    root,
    settings: options.frames,
    onProgress: (done) => options.onProgress(done, sources.length),
    onBad: (source, message) =>
      warnings.add('unreadable video', `${source.name}: ${message.replace(source.path, '').replace(/^[:/\\ ]+/, '')}`),
    signal: options.signal,
  });
  const items = [...ids].flatMap(([id, source]): Item[] => {
    const entry = decoded.get(id);
    return entry ? [{ id, source, decoded: entry, text: texts.get(source) ?? NO_TEXT }] : [];
  });
  if (items.length === 0)
    throw new UserError(`${options.videos}: expected a video that can be read, got none: ${warnings.summaries()[0]}`);
  return finish(root, items, { options, warnings, reused });
}

/** What the folder is made with; another data set must not be mixed in. */
function settingsOf({ videos, frames, seed, heldOut }: PrepareOptions): JsonObject {
  return { videos: resolve(videos), ...frames, seed, heldOut };
}

/** Refuses a folder that is not ours or was made otherwise, before anything is read. */
async function checkFolder(root: string, options: PrepareOptions): Promise<void> {
  const inside = relative(resolve(options.videos), root);
  if (!inside.startsWith('..'))
    throw new UserError(
      `--out ${root}: expected a folder outside of ${options.videos}, or the frames would be found as videos`,
      2,
    );
  if (options.overwrite || !(await exists(root))) return;
  const earlier = await readIfThere(join(root, RECORD));
  if (earlier === undefined) {
    if ((await readdir(root)).length === 0) return;
    throw new UserError(
      `${root}: expected no folder or one that wbdc prepare made, got other files: choose another --out`,
    );
  }
  const changed = differences(JSON.parse(earlier) as JsonObject, settingsOf(options));
  if (changed.length === 0) return;
  const lines = changed.map(({ path, before, after }) => `  ${path}: there ${before}, now ${after}`);
  throw new UserError(
    [
      `${root} was made with other settings:`,
      ...lines,
      'choose another --out, or --overwrite to make it again (the old folder is renamed, not deleted)',
    ].join('\n'),
  );
}

/** A folder of its own, with a note of its settings. */
async function openFolder(root: string, options: PrepareOptions): Promise<void> {
  if (options.overwrite && (await exists(root))) await moveAside(root);
  await mkdir(root, { recursive: true });
  await writeJson(join(root, RECORD), settingsOf(options));
}

async function moveAside(root: string): Promise<void> {
  let n = 1;
  while (await exists(`${root}.old-${n}`)) n++;
  await rename(root, `${root}.old-${n}`);
}

function tablePath({ texts }: PrepareOptions): string | undefined {
  return texts === undefined ? undefined : resolve(texts);
}

/** Ids that are official already stay; others come from the name of the video. */
function idOf({ name }: FoundVideo, text: Pick<TextRecord, 'id'> | undefined): string {
  const own = [text?.id, basename(name).replace(/\.[^.]*$/, '')].find(
    (id) => id !== undefined && /^\d{19,20}$/.test(id),
  );
  return own ?? stableId(`video/${name}`);
}

interface Finishing {
  readonly options: PrepareOptions;
  readonly warnings: Warnings;
  readonly reused: number;
}

/** Everything but the frames, from items to files. */
async function finish(
  root: string,
  items: readonly Item[],
  { options, warnings, reused }: Finishing,
): Promise<Prepared> {
  for (const item of items) if (!hasText(item)) warnings.add('empty text', item.source.name);
  const groups = groupItems(items, warnings);
  const { seed, heldOut, frames } = options;
  const splits = splitItems(items, groups, { seed, heldOut, earlier: await readEarlierSplits(root) }, warnings);
  const known = JSON.parse((await readIfThere(join(root, 'categories.json'))) ?? '{}') as CategoryNames;
  const { names, idOf: categoryIdOf } = numberCategories(
    items.map(({ text }) => text.category).filter(({ length }) => length > 0),
    known,
  );
  const placed = items
    .map((item): Placed => {
      const categoryId = item.text.category.length > 0 ? categoryIdOf(item.text.category) : undefined;
      return { ...item, split: splits.get(item)!, categoryId };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  await placeFrames(root, placed);
  await rm(join(root, 'zip_frames', STAGED), { recursive: true, force: true }); // empty, or of videos that are gone
  const tags = await writeTexts(root, placed, names);
  const summary: PrepareSummary = {
    settings: { ...frames, seed, heldOut },
    ...countItems(placed),
    tags: tags.length,
    unreadable: warnings.count('unreadable video'),
    warnings: warnings.counts,
  };
  const name = basename(root);
  const content = { root, name, items: placed, summary, names, tags, warnings: warnings.summaries() };
  await writeFileAtomic(
    join(root, 'warnings.tsv'),
    warnings
      .lines()
      .map((line) => `${line}\n`)
      .join(''),
  );
  await writeFileAtomic(join(root, 'index.html'), await preparedPage(content));
  await writeJson(join(root, 'summary.json'), summary);
  const configPath = join(root, 'wbdc.yaml');
  // A run's name also names a folder, and may hold no blanks or Chinese.
  const runName = name.replaceAll(/[^\w.-]+/g, '-').replace(/^[^\w]+/, '') || 'own';
  const starter = { folder: options.shownOut, name: runName, mostFrequentTag: tags[0]?.count ?? 0 };
  if (!(await exists(configPath))) await writeFileAtomic(configPath, starterConfig(placed, starter));
  return { summary, warnings: warnings.summaries(), reused, configPath, labelled: summary.splits.labeled.videos > 0 };
}
