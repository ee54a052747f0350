import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  aiacLayout,
  readAnnotations,
  readTagList,
  wbdcLayout,
  writeAiacVideos,
  writeLabels,
  writeTagList,
} from '@wbdc/data';
import type { AiacLayout, AiacVideo, FeatureSource } from '@wbdc/data';
import { makeFolder, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { makeItems } from './items.js';
import type { DemoVideo } from './items.js';
import { buildAside } from './build-aside.js';
import { englishWords, gradedSimilarity, labelPairs } from './similarity.js';
import type { Description } from './similarity.js';
import { STROKES_CATEGORY } from './large/strokes.js';
import { readSources } from './sources.js';
import type { Sources } from './sources.js';
import { DEMO_SPLITS } from './splits.js';
import type { DemoSplit } from './splits.js';

export interface DemoAiacOptions {
  /** The data set that {@link buildDemo} made: its splits are kept, so nothing crosses them here either. */
  readonly data: string;
  /** Frame features of every split, as the features stage stores them. Their width becomes the width of the records. */
  readonly features: Readonly<Record<DemoSplit, FeatureSource>>;
  /** Where the AIAC layout is to stand. It must not exist yet; it appears only when everything is written. */
  readonly folder: string;
  /** Decides which pairs are labelled. */
  readonly seed: number;
  /** Labelled pairs per item: so many with its most similar others, and as many at random. Default 6. */
  readonly neighbours?: number;
  readonly signal?: AbortSignal;
}

/** What was built; the same stands in `summary.json`. */
export interface DemoAiacSummary {
  /** Dv of the frame features; the official data have 1536. */
  readonly width: number;
  readonly tags: number;
  readonly videos: Readonly<Record<'pointwise' | 'pairwise' | 'test_a', number>>;
  /** Labelled pairs; those of `test_a` are the held-out truth. */
  readonly pairs: Readonly<Record<'pairwise' | 'test_a', number>>;
}

/** Split -> folder and file of the official layout. */
const FILES: Readonly<Record<DemoSplit, { folder: keyof DemoAiacSummary['videos']; file: string }>> = {
  unlabeled: { folder: 'pointwise', file: 'pretrain_0.tfrecords' },
  labeled: { folder: 'pairwise', file: 'pairwise.tfrecords' },
  test_a: { folder: 'test_a', file: 'test_a.tfrecords' },
};

/**
 * Writes the demo data set in the layout of the QQ Browser AIAC 2021:
 *
 * - `pointwise/pretrain_0.tfrecords` (unlabelled), `pairwise/pairwise.tfrecords` (labelled), `test_a/test_a.tfrecords`
 *   (held out, without tags and categories): plain TFRecords of `tf.train.Example`;
 * - `pairwise/label.tsv`, and the held-out truth `test_a/label.tsv`: graded similarity of the items' English keywords;
 * - `tag_list.txt`: tag ids, most frequent first; `tags.json`: id -> tag; `summary.json`, `LICENSES.md`.
 *
 * @throws WbdcError when the folder exists, or the data set is not one of this builder; DataError when features are
 * missing
 */
export function buildDemoAiac(options: DemoAiacOptions): Promise<DemoAiacSummary> {
  return buildAside(options.folder, options.signal, (partial) => writeAiac(partial, options));
}

type Splits = Readonly<Record<DemoSplit, readonly DemoVideo[]>>;

async function writeAiac(root: string, options: DemoAiacOptions): Promise<DemoAiacSummary> {
  const { data, features, signal } = options;
  const sources = readSources();
  const splits = await readSplits(data, sources);
  const listed = await readTagList(wbdcLayout(data).tagList);
  const tagIds = numberTags(listed, splits);
  const layout = aiacLayout(root);
  for (const split of DEMO_SPLITS) {
    const folder = layout.records(FILES[split].folder);
    await makeFolder(folder);
    const videos = records(splits[split], split, features[split], tagIds, signal);
    await writeAiacVideos(join(folder, FILES[split].file), videos);
  }
  const pairs = await writePairs(layout, splits, englishWords(sources), options);
  await writeTagList(
    layout.tagList,
    listed.map((tag) => tagIds.get(tag)!),
  );
  await writeJson(join(root, 'tags.json'), Object.fromEntries(Array.from(tagIds, ([tag, id]) => [id, tag])));
  await copyFile(join(data, 'LICENSES.md'), join(root, 'LICENSES.md'));
  const videos = { pointwise: splits.unlabeled.length, pairwise: splits.labeled.length, test_a: splits.test_a.length };
  const summary = { width: features.unlabeled.width, tags: listed.length, videos, pairs };
  await writeJson(join(root, 'summary.json'), summary);
  return summary;
}

/** The videos of a built data set, with what the builder knows about them beyond the annotations. */
async function readSplits(data: string, sources: Sources): Promise<Splits> {
  const known = new Map(makeItems(sources).flatMap(({ videos }) => videos.map((video) => [video.id, video])));
  const splits: Record<DemoSplit, DemoVideo[]> = { unlabeled: [], labeled: [], test_a: [] };
  for (const split of DEMO_SPLITS) {
    const path = wbdcLayout(data).annotations(split);
    for await (const { id, title, asr, ocr, group } of readAnnotations(path)) {
      const video = known.get(id);
      if (!video && split === 'unlabeled' && group?.startsWith('hanzi/')) {
        splits[split].push(writtenCharacter({ id, title, asr, ocr }, group));
        continue;
      }
      if (!video) {
        const advice = 'give the folder that buildDemo made';
        throw new WbdcError({ where: path, expected: 'videos of the demo data set', got: id, advice });
      }
      splits[split].push(video);
    }
  }
  return splits;
}

/** A video of the large set, of which the annotations say all that is known. */
function writtenCharacter(texts: Pick<DemoVideo, 'id' | 'title' | 'asr' | 'ocr'>, key: string): DemoVideo {
  return { ...texts, key, baseKey: key, family: key, categoryId: STROKES_CATEGORY, tags: [], drawings: [] };
}

/** Numbers for tags, as tag ids are integers here: the listed ones first, then those too rare for the list. */
function numberTags(listed: readonly string[], splits: Splits): Map<string, string> {
  const rare = [...splits.unlabeled, ...splits.labeled].flatMap(({ tags }) => tags);
  return new Map([...new Set([...listed, ...rare])].map((tag, index) => [tag, String(100_000 + index)]));
}

async function* records(
  videos: readonly DemoVideo[],
  split: DemoSplit,
  features: FeatureSource,
  tagIds: ReadonlyMap<string, string>,
  signal: AbortSignal | undefined,
): AsyncGenerator<AiacVideo> {
  for (const { id, title, asr, tags, categoryId, family } of videos) {
    signal?.throwIfAborted();
    const labels = split === 'test_a' ? {} : { categoryId, tags: tags.map((tag) => tagIds.get(tag)!) };
    yield { id, title, asr, ocr: [], frames: await features.read(id), group: family, ...labels };
  }
}

async function writePairs(
  layout: AiacLayout,
  splits: Splits,
  words: ReadonlyMap<string, ReadonlySet<string>>,
  { seed, neighbours = 6 }: DemoAiacOptions,
): Promise<DemoAiacSummary['pairs']> {
  const describe = ({ id, categoryId, baseKey }: DemoVideo): Description => ({
    ...{ id, categoryId },
    words: words.get(baseKey) ?? new Set(),
  });
  const similarity = gradedSimilarity(
    DEMO_SPLITS.flatMap((split) => splits[split])
      .filter(({ categoryId }) => categoryId !== STROKES_CATEGORY) // nothing is known of them in English
      .map(describe),
  );
  const write = async (split: 'labeled' | 'test_a'): Promise<number> => {
    const pairs = labelPairs(splits[split].map(describe), similarity, { seed, neighbours });
    await writeLabels(layout.labels(FILES[split].folder), pairs);
    return pairs.length;
  };
  return { pairwise: await write('labeled'), test_a: await write('test_a') };
}
