import {
  aiacStride,
  byFrequency,
  countTags,
  evenStride,
  joinSources,
  openAiacIndex,
  openDataset,
  openFeatureStore,
  readAnnotations,
  readTagList,
  SkipCounter,
  type ChooseTags,
  type Dataset,
  type FeatureSource,
  type FeatureStore,
  type Recipe,
  type Video,
} from '@wbdc/data';
import { layoutOf, textReader } from '@wbdc/pipeline';
import type { Tokenizer } from '@wbdc/tokenizer';
import { join } from 'node:path';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import { counted } from '../format.js';
import type { Artifact, StageContext } from '../stage.js';
import { annotationsPath, dataRoot, ownFolder, recordIndexPath } from './data-root.js';
import { featureStorePath } from './feature-files.js';

/** The videos of some splits with their features, as one data set. */
export interface VideoSet {
  readonly dataset: Dataset;
  /** How the features were made. */
  readonly recipe: Recipe | undefined;
  readonly read: readonly Artifact[];
  /** Videos of each split, which follow one another. */
  sizes(): number[];
  close(): Promise<void>;
}

/** What stands for frames. */
export interface FrameInput {
  /** Of the frames that are read as they are. */
  readonly recipe?: Recipe;
  readonly maxFrames: number;
  open(split: string): Promise<FeatureSource>;
}

export interface VideoSetOptions {
  /** Splits whose tags are not looked at. */
  readonly tagless?: readonly string[];
  /** Default: stored features, those of the AIAC records in their layout. */
  readonly input?: FrameInput;
}

/** Opens splits for the model. */
export async function openVideoSet(
  context: StageContext,
  splits: readonly string[],
  tokenizer: Tokenizer,
  tags: readonly string[] | ChooseTags,
  { tagless = [], input = storedFeatures(context) }: VideoSetOptions = {},
): Promise<VideoSet> {
  const { text, frames, data } = context.config;
  const sources = await inTurn(splits, (split) => input.open(split));
  const skipped = new SkipCounter('videos', data.maxBadShare, 'data.maxBadShare');
  const dataset = await openDataset({
    videos: readSplits(context, splits, skipped, tagless),
    features: oneSource(sources, splits),
    tokenizer,
    layout: layoutOf(text),
    texts: textReader(text),
    tags,
    maxFrames: input.maxFrames,
    ...frameChoice(frames),
    thread: true,
    skipped,
  }).catch((error: unknown) => closeAll(sources).then(() => Promise.reject(error)));
  if (skipped.count > 0)
    context.output.warn(`${counted(skipped.count, 'video')} skipped; the first: ${skipped.examples[0]}`);
  return {
    dataset,
    recipe: input.recipe ?? recipeOf(context.config, sources[0]),
    read: splits.map((split, i) => ({
      path: annotationsPath(dataRoot(context), split),
      about: counted(sources[i].size, 'video'),
    })),
    sizes: () => sizesOf(dataset, sources),
    close: () => closeAll([dataset, ...sources]),
  };
}

async function closeAll(opened: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(opened.map((one) => one.close()));
}

function sizesOf(dataset: Dataset, sources: readonly FeatureSource[]): number[] {
  const sizes = sources.map(() => 0);
  for (let i = 0; i < dataset.size; i++) sizes[sources.findIndex((source) => source.has(dataset.id(i)))]++;
  return sizes;
}

/** Frame features of a split: a store that the features stage made, or the records of the AIAC layout. */
function storedFeatures(context: StageContext): FrameInput {
  const { data, frames } = context.config;
  return {
    maxFrames: frames.limit,
    open: (split) =>
      data.layout === 'aiac'
        ? openAiacIndex(recordIndexPath(context.upstream('data'), split))
        : openFeatureStore(featureStorePath(context.upstream('features'), split)),
  };
}

async function inTurn<A, B>(values: readonly A[], make: (value: A) => Promise<B>): Promise<B[]> {
  const made: B[] = [];
  for (const value of values) made.push(await make(value));
  return made;
}

/** Features of another recipe are refused; those of the AIAC records can be told by their width alone. */
function recipeOf({ data }: Config, source: FeatureSource & Partial<Pick<FeatureStore, 'recipe'>>): Recipe | undefined {
  return data.layout === 'aiac' ? { layout: 'aiac', width: source.width } : source.recipe;
}

function frameChoice({ choice }: Config['frames']) {
  return { stride: choice === 'aiac' ? aiacStride : evenStride, randomFrames: choice === 'random' };
}

/** All videos of splits, one after another. */
export async function* readSplits(
  context: StageContext,
  splits: readonly string[],
  skipped: SkipCounter,
  tagless: readonly string[] = [],
): AsyncGenerator<Video> {
  for (const split of splits) {
    for await (const video of readAnnotations(annotationsPath(dataRoot(context), split), { onBad: skipped.add })) {
      context.signal.throwIfAborted();
      yield tagless.includes(split) ? { ...video, tags: [] } : video;
    }
  }
}

/**
 * What chooses the tags of the tag task once `splits` have been read: the most frequent ones of all training splits, or in
 * the AIAC layout the first of tag_list.txt. Nothing is chosen where the task is off.
 */
export async function tagChooser(context: StageContext, splits: readonly string[]): Promise<ChooseTags> {
  const { data, tasks } = context.config;
  if (!tasks.tag) return () => [];
  const { count, minFrequency } = tasks.tag;
  if (data.layout === 'aiac') {
    const listed = await readTagList(join(ownFolder(context)!, 'tag_list.txt'), count);
    return () => listed;
  }
  const others = await countOtherTags(context, splits);
  return (counts) => {
    const all = byFrequency([...counts, ...others].map((entry) => [entry.tag, entry.count]));
    const frequent = all.filter((entry) => entry.count >= minFrequency);
    if (frequent.length > 0) return frequent.slice(0, count).map(({ tag }) => tag);
    throw new UserError(
      `tasks.tag: expected tags that occur at least ${minFrequency} times in ${data.trainSplits.join(', ')}, got none: ` +
        `set tasks.tag=null, or lower tasks.tag.minFrequency`,
    );
  };
}

/** Tags of the training splits that are not among `splits`. */
async function countOtherTags(context: StageContext, splits: readonly string[]) {
  const others = context.config.data.trainSplits.filter((split) => !splits.includes(split));
  const videos: Pick<Video, 'tags'>[] = [];
  // Bad records are counted where the videos themselves are read.
  const skipped = new SkipCounter('videos', 1);
  for await (const { tags = [] } of readSplits(context, others, skipped)) videos.push({ tags });
  return countTags(videos);
}

function oneSource(stores: readonly FeatureSource[], splits: readonly string[]): FeatureSource {
  const { width } = stores[0];
  stores.forEach((store, i) => {
    if (store.width === width) return;
    throw new UserError(
      `features: expected one width in all splits, got ${width} in ${splits[0]} and ${store.width} in ${splits[i]}: ` +
        `make them again with wbdc features --overwrite`,
    );
  });
  return joinSources(stores);
}

/** The same without the keys that hold nothing. */
export function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
