import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { wbdcLayout, writeAnnotations, writeTagList } from '@wbdc/data';
import type { CategoryName, Video, WbdcLayout } from '@wbdc/data';
import { makeFolder, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { writeFrames } from './frames.js';
import type { DemoProgress } from './frames.js';
import { makeItems, nameCategories } from './items.js';
import type { DemoVideo } from './items.js';
import type { FetchPackageOptions } from './large/npm-package.js';
import { openLarge, withUnlabelled } from './large/large.js';
import { STROKES_CATEGORY, STROKES_NAME } from './large/strokes.js';
import { licencesMarkdown } from './licences.js';
import { demoPage } from './page.js';
import { buildAside } from './build-aside.js';
import { planDemo, rankTags } from './plan.js';
import type { DemoPlan } from './plan.js';
import { drawSamples } from './samples.js';
import { readSources } from './sources.js';
import { DEMO_SPLITS, sliceItems } from './splits.js';
import type { DemoSplit } from './splits.js';
import { summarize } from './summary.js';
import type { DemoSummary } from './summary.js';

export interface DemoOptions {
  /** Where the data set is to stand. It must not exist yet; it appears only when everything is written. */
  readonly folder: string;
  /** Decides the splits, nothing else. */
  readonly seed: number;
  /** Side of the square frames in pixels, default 96. */
  readonly imageSize?: number;
  /** Most skin variants per unlabelled item: 5 (default) gives about 2,900 videos, 0 about 1,900. */
  readonly variants?: number;
  /** Items a tag needs to stand in `tag_list.txt`, default 3; records keep all their tags. */
  readonly minTagItems?: number;
  /**
   * `text` adds a corpus for the text stage, words with their definitions: `annotations/corpus.json` (238,000),
   * `corpus_near.json` (6,000 whose words or characters the videos have) and `corpus_test.json`, to measure on. `large`
   * adds Chinese characters that are written stroke by stroke to the unlabelled videos besides (12,000 videos in all).
   * Both fetch one more package, cnchar-data (38 MB), when they are first built. Default `demo`.
   */
  readonly set?: 'demo' | 'text' | 'large' | undefined;
  /** Where the package of the large set is kept, or comes from. */
  readonly packages?: FetchPackageOptions | undefined;
  /** Only so many items, spread over the categories: for tests and a quick look. */
  readonly items?: number;
  /** Called after each video. */
  readonly onProgress?: (progress: DemoProgress) => void;
  /** Ends the build early: nothing is left behind, and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Builds the demo data set, emoji as short videos, from the installed npm packages in the official WBDC layout:
 *
 * - `annotations/{unlabeled,labeled,test_a}.json`: title (zh), ocr (zh-Hant), asr (yue-Hans), tags; `group`, the items
 *   that are drawn almost alike; `category_id` in `labeled` only; the held-out truth is `annotations/test_a_truth.csv`,
 *   lines `id,category_id` as in a submission;
 * - `zip_frames/<split>/<last 3 of id>/<id>.zip`: one JPEG per vendor's drawing;
 * - `tag_list.txt`, `categories.json` (names), `summary.json`, `LICENSES.md`, `index.html` (a look at the data).
 *
 * The same options give the same bytes. Written to `<folder>.partial` and renamed at the end.
 *
 * @throws WbdcError when the folder exists, an option is out of range or a source package is missing
 */
export async function buildDemo(options: DemoOptions): Promise<DemoSummary> {
  checkOptions(options);
  return buildAside(options.folder, options.signal, (partial) => writeDemo(partial, options));
}

function checkOptions({ seed, imageSize, variants, items, minTagItems }: DemoOptions): void {
  checkInteger('seed', seed, Number.MIN_SAFE_INTEGER);
  checkInteger('imageSize', imageSize, 16, 1024);
  checkInteger('variants', variants, 0, 25);
  checkInteger('items', items, 1);
  checkInteger('minTagItems', minTagItems, 1);
}

function checkInteger(name: string, value: number | undefined, least: number, most = Number.MAX_SAFE_INTEGER): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return;
  throw new WbdcError({ where: name, expected: `an integer from ${least} to ${most}`, got: String(value) });
}

async function writeDemo(root: string, options: DemoOptions): Promise<DemoSummary> {
  const { seed, imageSize = 96, variants = 5, minTagItems = 3, onProgress, signal } = options;
  const sources = readSources();
  const items = makeItems(sources);
  const drawn = planDemo(options.items === undefined ? items : sliceItems(items, options.items), { seed, variants });
  const { set = 'demo' } = options;
  const more = set === 'demo' ? undefined : await openLarge(textsIn(drawn), { ...options.packages, signal });
  const plan = more && set === 'large' ? withUnlabelled(drawn, more.videos) : drawn;
  const tags = rankTags(plan, minTagItems);
  const categories = usedCategories(
    { ...nameCategories(sources), ...(more && { [STROKES_CATEGORY]: STROKES_NAME }) },
    plan,
  );
  const layout = wbdcLayout(root);
  await writeTexts(layout, plan);
  for (const [split, records] of Object.entries(more?.corpus ?? {})) {
    await writeAnnotations(layout.annotations(split), records);
  }
  await writeTagList(
    layout.tagList,
    tags.map(({ tag }) => tag),
  );
  await writeJson(layout.categories, categories);
  await writeFile(join(root, 'LICENSES.md'), licencesMarkdown(sources, imageSize, more !== undefined));
  const imageBytes = await writeFrames(root, plan, { imageSize, onProgress, signal });
  const settings = {
    seed,
    imageSize,
    imageBytes,
    tags: tags.length,
    sources: { ...sources.versions, ...more?.versions },
  };
  const summary = summarize(plan, settings);
  await writeJson(join(root, 'summary.json'), summary);
  const samples = await drawSamples(plan, imageSize);
  await writeFile(join(root, 'index.html'), demoPage({ summary, plan, tags, categories, samples }));
  return summary;
}

/** What is learned from without frames and labels. */
function textsIn({ unlabeled, labeled }: DemoPlan): string[] {
  return [...unlabeled, ...labeled].flatMap(({ title, asr, ocr, tags }) => [
    ...[title, asr, ...tags],
    ...ocr.map(({ text }) => text),
  ]);
}

async function writeTexts(layout: WbdcLayout, plan: DemoPlan): Promise<void> {
  await makeFolder(dirname(layout.truth('test_a')));
  for (const split of DEMO_SPLITS) {
    const records = plan[split].map((video) => toRecord(video, split));
    await writeAnnotations(layout.annotations(split), records);
  }
  const truth = plan.test_a.map(({ id, categoryId }) => `${id},${categoryId}\n`);
  await writeFile(layout.truth('test_a'), truth.join(''));
}

/** Only labelled records show their category, as in the official files. */
function toRecord({ id, title, asr, ocr, tags, categoryId, family }: DemoVideo, split: DemoSplit): Video {
  return { id, title, asr, ocr, tags, ...(split === 'labeled' && { categoryId }), group: family };
}

function usedCategories(names: Record<string, CategoryName>, plan: DemoPlan): Record<string, CategoryName> {
  const used = new Set(DEMO_SPLITS.flatMap((split) => plan[split].map(({ categoryId }) => categoryId)));
  return Object.fromEntries(Object.entries(names).filter(([id]) => used.has(id)));
}
