import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  countTags,
  frameZipPath,
  WBDC_SPLITS,
  writeAnnotations,
  writeTagList,
  type CategoryNames,
  type TagCount,
  type Video,
  type WbdcSplit,
} from '@wbdc/data';
import { exists, readIfThere, writeFileAtomic, writeJson } from '@wbdc/io';
import type { Placed } from './item.js';
import { STAGED } from './places.js';

const IDS_FILE = 'ids.tsv';
const HEAD = ['id', 'split', 'category_id', 'video', 'own_id'];

/** Moves every zip of frames to its split; a newly decoded one replaces what stood there. */
export async function placeFrames(root: string, items: readonly Placed[]): Promise<void> {
  for (const { id, split } of items) {
    const target = frameZipPath(root, split, id);
    for (const from of [...WBDC_SPLITS, STAGED].filter((other) => other !== split)) {
      const path = frameZipPath(root, from, id);
      if (!(await exists(path))) continue;
      await mkdir(dirname(target), { recursive: true });
      await rename(path, target);
    }
  }
}

/** annotations/*.json of every split, the truth of the held-out one, tags and categories, and which id is which video. */
export async function writeTexts(
  root: string,
  items: readonly Placed[],
  names: CategoryNames,
): Promise<readonly TagCount[]> {
  await mkdir(join(root, 'annotations'), { recursive: true });
  for (const split of WBDC_SPLITS) {
    const records = items.filter((item) => item.split === split).map(toRecord);
    await writeAnnotations(join(root, 'annotations', `${split}.json`), records);
  }
  const truth = items.filter(({ split, categoryId }) => split === 'test_a' && categoryId !== undefined);
  await writeFileAtomic(
    join(root, 'annotations', 'test_a_truth.csv'),
    truth.map(({ id, categoryId }) => `${id},${categoryId}\n`).join(''),
  );
  const tags = countTags(items.filter(({ split }) => split !== 'test_a').map(({ text }) => text));
  await writeTagList(
    join(root, 'tag_list.txt'),
    tags.map(({ tag }) => tag),
  );
  await writeJson(join(root, 'categories.json'), names);
  await writeFileAtomic(
    join(root, IDS_FILE),
    [HEAD, ...items.map(idLine)].map((line) => `${line.join('\t')}\n`).join(''),
  );
  return tags;
}

/** Only labelled records show their category, as in the official files. */
function toRecord({ id, split, categoryId, text: { title, asr, ocr, tags } }: Placed): Video {
  return { id, title, asr, ocr, tags, ...(split === 'labeled' && categoryId !== undefined && { categoryId }) };
}

function idLine({ id, split, categoryId, source, text }: Placed): string[] {
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
