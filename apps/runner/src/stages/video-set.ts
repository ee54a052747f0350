import {
  countTags,
  openDataset,
  openFeatureStore,
  readAnnotations,
  readBatch,
  SkipCounter,
  type Dataset,
  type FeatureSource,
  type FeatureStore,
  type Recipe,
  type Video,
} from '@wbdc/data';
import type { Batch } from '@wbdc/nn';
import type { Tokenizer } from '@wbdc/tokenizer';
import { UserError } from '../errors.js';
import { counted } from '../format.js';
import type { Artifact, StageContext } from '../stage.js';
import { annotationsPath, dataRoot } from './data-root.js';
import { featureStorePath } from './feature-path.js';

/** The videos of some splits with their features, as one data set. */
export interface VideoSet {
  readonly dataset: Dataset;
  /** How the features were made. */
  readonly recipe: Recipe | undefined;
  readonly read: readonly Artifact[];
  close(): Promise<void>;
}

/** Opens splits for the model. */
export async function openVideoSet(
  context: StageContext,
  splits: readonly string[],
  tokenizer: Tokenizer,
  tags: readonly string[],
): Promise<VideoSet> {
  const { text, frames, data } = context.config;
  const stores: FeatureStore[] = [];
  for (const split of splits)
    stores.push(await openFeatureStore(featureStorePath(context.upstream('features'), split)));
  const skipped = new SkipCounter('videos', data.maxBadShare);
  const dataset = await openDataset({
    videos: readSplits(context, splits, skipped),
    features: oneSource(stores, splits),
    tokenizer,
    layout: { ...text, limits: definedOnly(text.limits) },
    tags,
    maxFrames: frames.limit,
    skipped,
  });
  if (skipped.count > 0)
    context.output.warn(`${counted(skipped.count, 'video')} skipped; the first: ${skipped.examples[0]}`);
  return {
    dataset,
    recipe: stores[0].recipe,
    read: splits.map((split, i) => ({
      path: annotationsPath(dataRoot(context), split),
      about: counted(stores[i].size, 'video'),
    })),
    close: async () => void (await Promise.all(stores.map((store) => store.close()))),
  };
}

/** All videos of splits, one after another. */
export async function* readSplits(
  context: StageContext,
  splits: readonly string[],
  skipped: SkipCounter,
): AsyncGenerator<Video> {
  for (const split of splits) {
    for await (const video of readAnnotations(annotationsPath(dataRoot(context), split), { onBad: skipped.add })) {
      context.signal.throwIfAborted();
      yield video;
    }
  }
}

/** A set in its order, batch after batch, with the frames of evaluation. */
export async function* batchesInOrder(dataset: Dataset, batchSize: number): AsyncGenerator<Batch> {
  for (let start = 0; start < dataset.size; start += batchSize) {
    const count = Math.min(batchSize, dataset.size - start);
    yield await readBatch(
      dataset,
      Array.from({ length: count }, (_, i) => start + i),
    );
  }
}

/** The most frequent tags of the training splits; none where the tag task is off. */
export async function chooseTags(context: StageContext): Promise<string[]> {
  const { data, tasks } = context.config;
  if (!tasks.tag) return [];
  const videos: Pick<Video, 'tags'>[] = [];
  // Bad records are counted where the videos themselves are read.
  const skipped = new SkipCounter('videos', 1);
  for await (const { tags = [] } of readSplits(context, data.trainSplits, skipped)) videos.push({ tags });
  const { count, minFrequency } = tasks.tag;
  const frequent = countTags(videos).filter((tag) => tag.count >= minFrequency);
  if (frequent.length === 0) {
    throw new UserError(
      `tasks.tag: expected tags that occur at least ${minFrequency} times in ${data.trainSplits.join(', ')}, got none: ` +
        `set tasks.tag=null, or lower tasks.tag.minFrequency`,
    );
  }
  return frequent.slice(0, count).map(({ tag }) => tag);
}

function oneSource(stores: readonly FeatureStore[], splits: readonly string[]): FeatureSource {
  const { width } = stores[0];
  stores.forEach((store, i) => {
    if (store.width === width) return;
    throw new UserError(
      `features: expected one width in all splits, got ${width} in ${splits[0]} and ${store.width} in ${splits[i]}: ` +
        `make them again with wbdc features --overwrite`,
    );
  });
  const storeOf = (id: string): FeatureStore => stores.find((store) => store.has(id)) ?? stores[0];
  return {
    width,
    size: stores.reduce((sum, { size }) => sum + size, 0),
    has: (id) => storeOf(id).has(id),
    read: (id) => storeOf(id).read(id),
    close: async () => void (await Promise.all(stores.map((store) => store.close()))),
  };
}

/** The same without the keys that hold nothing. */
export function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
