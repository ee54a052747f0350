import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  countTags,
  WBDC_SPLITS,
  wbdcLayout,
  writeAnnotations,
  writeTagList,
  type CategoryNames,
  type TagCount,
  type Video,
  type WbdcSplit,
} from '@wbdc/data';
import { exists, makeFolder, readIfThere, writeFileAtomic, writeJson } from '@wbdc/io';
import type { SplitItem } from './item.js';
import { STAGED } from './staging.js';

const IDS_FILE = 'ids.tsv';
const HEAD = ['id', 'split', 'category_id', 'video', 'own_id'];

/** Moves every zip of frames to its split; a newly decoded one replaces an earlier one. */
export async function moveFrames(root: string, items: readonly SplitItem[]): Promise<void> {
  const layout = wbdcLayout(root);
  for (const { id, split } of items) {
    const target = layout.frameZip(split, id);
    for (const from of [...WBDC_SPLITS, STAGED].filter((other) => other !== split)) {
      const path = layout.frameZip(from, id);
      if (!(await exists(path))) continue;
      await makeFolder(dirname(target));
      await rename(path, target);
    }
  }
}

/** Annotations of every split, the truth of the held-out one, tags and categories, and which id is which video. */
export async function writeTexts(
  root: string,
  items: readonly SplitItem[],
  names: CategoryNames,
): Promise<readonly TagCount[]> {
  const layout = wbdcLayout(root);
  await makeFolder(dirname(layout.annotations('')));
  for (const split of WBDC_SPLITS) {
    const records = items.filter((item) => item.split === split).map(toRecord);
    await writeAnnotations(layout.annotations(split), records);
  }
  const truth = items.filter(({ split, categoryId }) => split === 'test_a' && categoryId !== undefined);
  const truthLines = truth.map(({ id, categoryId }) => `${id},${categoryId}\n`);
  await writeFileAtomic(layout.truth('test_a'), truthLines.join(''));
  const tags = countTags(items.filter(({ split }) => split !== 'test_a').map(({ text }) => text));
  const tagNames = tags.map(({ tag }) => tag);
  await writeTagList(layout.tagList, tagNames);
  await writeJson(layout.categories, names);
  const lines = [HEAD, ...items.map(idLine)].map((line) => `${line.join('\t')}\n`);
  await writeFileAtomic(join(root, IDS_FILE), lines.join(''));
  return tags;
}

/** Only labelled records show their category, as in the official files. */
function toRecord({ id, split, categoryId, group, text: { title, asr, ocr, tags } }: SplitItem): Video {
  return {
    ...{ id, title, asr, ocr, tags },
    ...(split === 'labeled' && categoryId !== undefined && { categoryId }),
    ...(group !== id && { group }),
  };
}

function idLine({ id, split, categoryId, source, text }: SplitItem): string[] {
  return [id, split, categoryId ?? '', source.name, text.id ?? ''].map((cell) => cell.replaceAll(/[\t\r\n]/g, ' '));
}

/** The split of every video of an earlier run. */
export async function readEarlierSplits(root: string): Promise<Map<string, WbdcSplit>> {
  const lines = ((await readIfThere(join(root, IDS_FILE))) ?? '').split('\n').slice(1);
  return new Map(
    lines.flatMap((line): [string, WbdcSplit][] => {
      const [id, split] = line.split('\t');
      const known = WBDC_SPLITS.find((name) => name === split);
      return known === undefined ? [] : [[id, known]];
    }),
  );
}
