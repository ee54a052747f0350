import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { numberCategories, wbdcLayout, type TagCount } from '@wbdc/data';
import { writeFileAtomic, writeJson } from '@wbdc/io';
import type { StoredFrameSettings } from './frames.js';
import { groupItems } from './groups.js';
import type { Item, SplitItem } from './item.js';
import { readKnownCategories } from './known-categories.js';
import { writePairs, type PairTable, type PreparedPairs } from './pairs.js';
import { splitItems } from './splits.js';
import { STAGED } from './staging.js';
import { countItems, hasText, type PrepareSummary } from './summary.js';
import type { Warnings } from './warnings.js';
import { moveFrames, readEarlierSplits, writeTexts } from './write.js';

const TEXT_FIELDS = ['title', 'ocr', 'asr'] as const;

/** A data set that is ready. */
export interface PreparedVideos {
  /** Its folder; see `wbdcLayout`. */
  readonly root: string;
  /** The same stands in `summary.json`. */
  readonly summary: PrepareSummary;
  /** A line for each kind of what was left out or looks wrong; `warnings.tsv` has every case. */
  readonly warnings: readonly string[];
  /** Videos that an earlier call had decoded. */
  readonly reused: number;
  /** The fields that at least one video has a text in. */
  readonly fields: readonly (typeof TEXT_FIELDS)[number][];
  /** Tags of the videos that are not held out, most frequent first. */
  readonly tags: readonly TagCount[];
  /** Where there is a table of them. */
  readonly pairs?: PreparedPairs;
}

interface Finishing {
  readonly root: string;
  readonly frames: StoredFrameSettings;
  readonly heldOut: number;
  readonly seed: number;
  readonly reused: number;
  readonly warnings: Warnings;
  readonly pairs?: PairTable | undefined;
}

/** Everything but the frames, from items to files. */
export async function finish(items: readonly Item[], options: Finishing): Promise<PreparedVideos> {
  const { root, frames, heldOut, seed, reused, warnings } = options;
  for (const item of items) if (!hasText(item)) warnings.add('empty text', item.source.name);
  const { split, names } = await splitAndNumber(items, options);
  await moveFrames(root, split);
  await rm(wbdcLayout(root).frames(STAGED), { recursive: true, force: true }); // empty, or of videos that are gone
  const tags = await writeTexts(root, split, names);
  const pairs = options.pairs && (await writePairs(root, split, options.pairs, warnings));
  const summary: PrepareSummary = {
    settings: { ...frames, seed, heldOut },
    ...countItems(split),
    tags: tags.length,
    unreadable: warnings.count('unreadable video'),
    warnings: warnings.counts,
  };
  const lines = warnings.lines().map((line) => `${line}\n`);
  await writeFileAtomic(join(root, 'warnings.tsv'), lines.join(''));
  const summaries = warnings.summaries();
  const page = { root, name: basename(root), items: split, summary, names, tags, warnings: summaries };
  const { preparedPage } = await import('./page.js'); // charts and a DOM, for whoever gets here
  await writeFileAtomic(join(root, 'index.html'), await preparedPage(page));
  await writeJson(join(root, 'summary.json'), summary);
  const fields = TEXT_FIELDS.filter((field) => items.some(({ text }) => text[field].length > 0));
  return { root, summary, warnings: summaries, reused, fields, tags, ...(pairs && { pairs }) };
}

/** The items with their splits and category ids, sorted by id. */
async function splitAndNumber(items: readonly Item[], { root, heldOut, seed, warnings }: Finishing) {
  const groups = groupItems(items, warnings);
  const splits = splitItems(items, groups, { seed, heldOut, earlier: await readEarlierSplits(root) }, warnings);
  const known = await readKnownCategories(root);
  const labels = items.map(({ text }) => text.category).filter(({ length }) => length > 0);
  const { names, idOf } = numberCategories(labels, known);
  const split = items.map((item): SplitItem => {
    const { category } = item.text;
    const categoryId = category.length > 0 ? idOf(category) : undefined;
    return { ...item, split: splits.get(item)!, categoryId, group: groups.get(item)! };
  });
  return { split: split.sort((a, b) => (a.id < b.id ? -1 : 1)), names };
}
