import {
  aiacStride,
  evenStride,
  joinSources,
  openDataset,
  readAnnotations,
  SkipCounter,
  type ChooseTags,
  type Dataset,
  type FeatureSource,
  type Recipe,
  type Video,
} from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import { counted } from '@wbdc/report/format';
import type { Tokenizer } from '@wbdc/tokenizer';
import type { Observer } from '../observer.js';
import type { FrameSettings } from '../settings/frames.js';
import type { TextSettings } from '../settings/text.js';
import { readPlainVideos } from '../evaluate/plain-videos.js';
import type { PlainTexts } from '../finetune/baselines.js';
import { layoutOf, textReader } from '../text.js';

/** The texts of a split of a data set. */
export interface SplitTexts {
  readonly name: string;
  /** Path of its annotations, in the layout of WBDC. */
  readonly annotations: string;
  /** Its tags are not looked at. */
  readonly tagless?: boolean;
  /** What stands for a video's tags: `category` takes its category as the only one. Default `tags`. */
  readonly labels?: 'tags' | 'category';
}

/** A split with what stands for the frames of its videos. */
export interface SplitInput extends SplitTexts {
  /** Opens its features, as `openFeatureStore` does; the set closes them. */
  readonly openFeatures: () => Promise<FeatureSource & { readonly recipe?: Recipe }>;
}

export interface VideoSetOptions {
  /** Their videos follow one another. */
  readonly splits: readonly SplitInput[];
  readonly tokenizer: Tokenizer;
  readonly text: TextSettings;
  readonly frames: FrameSettings;
  /** The tags that count, by index, or what chooses them once all videos have been read. */
  readonly tags: readonly string[] | ChooseTags;
  /** Share of bad records that are skipped and counted; above it they are an error. Default 0.001. */
  readonly maxBadShare?: number;
  readonly signal?: AbortSignal | undefined;
  readonly observer?: Pick<Observer, 'onWarning'> | undefined;
}

/** The videos of some splits with their features, as one data set. */
export interface VideoSet {
  readonly dataset: Dataset;
  /** How the features were made, where that is known. */
  readonly recipe: Recipe | undefined;
  /** Videos with features of each split. */
  readonly splits: readonly { readonly name: string; readonly annotations: string; readonly videos: number }[];
  /** Videos of the data set by split: they follow one another. */
  sizes(): number[];
  /** The texts of some of its videos as they are, read anew. */
  texts(wanted: ReadonlySet<string>): Promise<PlainTexts>;
  close(): Promise<void>;
}

/**
 * Opens splits as one data set.
 *
 * @throws WbdcError `feature-widths` where their features differ in width, `feature-order` where they are of frames in
 *   the order of before
 */
export async function openVideoSet(options: VideoSetOptions): Promise<VideoSet> {
  const { splits, tokenizer, text, frames, tags, observer } = options;
  const sources: (FeatureSource & { readonly recipe?: Recipe })[] = [];
  const skipped = newSkipCounter(options);
  try {
    for (const { openFeatures } of splits) sources.push(await openFeatures());
    splits.forEach(({ name }, i) => assertFrameOrder(name, sources[i].recipe));
    assertOneWidth(sources, splits);
    const dataset = await openDataset({
      videos: readSplits(splits, { skipped, signal: options.signal }),
      features: joinSources(sources),
      tokenizer,
      layout: layoutOf(text),
      texts: textReader(text),
      tags,
      maxFrames: frames.limit,
      stride: frames.choice === 'aiac' ? aiacStride : evenStride,
      randomFrames: frames.choice === 'random',
      thread: true,
      skipped,
    });
    if (skipped.count > 0) {
      observer?.onWarning?.(`${counted(skipped.count, 'video')} skipped; the first: ${skipped.examples[0]}`);
    }
    return {
      dataset,
      recipe: sources[0].recipe,
      splits: splits.map(({ name, annotations }, i) => ({ name, annotations, videos: sources[i].size })),
      sizes: () => sizesOf(dataset, sources),
      texts: (wanted) => readTexts(splits, wanted),
      close: () => closeAll([dataset, ...sources]),
    };
  } catch (error) {
    await closeAll(sources);
    throw error;
  }
}

/** Counts bad videos, and refuses more than their share. */
export function newSkipCounter({ maxBadShare = 0.001 }: Pick<VideoSetOptions, 'maxBadShare'>): SkipCounter {
  return new SkipCounter('videos', maxBadShare, 'data.maxBadShare');
}

/** All videos of splits, one after another. */
export async function* readSplits(
  splits: readonly SplitTexts[],
  { skipped, signal }: { readonly skipped: SkipCounter; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<Video> {
  for (const { annotations, tagless = false, labels = 'tags' } of splits) {
    for await (const video of readAnnotations(annotations, { onBad: skipped.add })) {
      signal?.throwIfAborted();
      const { categoryId } = video;
      if (tagless) yield { ...video, tags: [] };
      else yield labels === 'tags' ? video : { ...video, tags: categoryId === undefined ? [] : [categoryId] };
    }
  }
}

async function readTexts(splits: readonly SplitTexts[], wanted: ReadonlySet<string>): Promise<PlainTexts> {
  const found = new Map<string, { readonly title: string; readonly texts: string }>();
  for (const { annotations } of splits) {
    for (const [id, video] of await readPlainVideos({ annotations }, (one) => wanted.has(one))) found.set(id, video);
  }
  return found;
}

/** The texts of several sets of videos. */
export function textsOfSets(sets: readonly Pick<VideoSet, 'texts'>[]): VideoSet['texts'] {
  return async (wanted) =>
    new Map((await Promise.all(sets.map((set) => set.texts(wanted)))).flatMap((some) => [...some]));
}

async function closeAll(opened: readonly { close(): Promise<void> }[]): Promise<void> {
  await Promise.all(opened.map((one) => one.close()));
}

function sizesOf(dataset: Dataset, sources: readonly FeatureSource[]): number[] {
  const sizes = sources.map(() => 0);
  for (let i = 0; i < dataset.size; i++) sizes[sources.findIndex((source) => source.has(dataset.id(i)))]++;
  return sizes;
}

/** Stores of before took the pictures of a zip in the order of their names' characters: 1, 10, 2. */
function assertFrameOrder(split: string, recipe: Recipe | undefined): void {
  if (recipe === undefined || !('weights' in recipe) || recipe['frameOrder'] === 'natural') return;
  throw new WbdcError({
    where: `the features of ${split}`,
    expected: 'frames in the natural order of their names (frameOrder in the recipe), 2 before 10',
    got: 'a store of before, with 10 before 2',
    advice: 'compute them again',
    code: 'feature-order',
  });
}

function assertOneWidth(sources: readonly FeatureSource[], splits: readonly SplitTexts[]): void {
  const { width } = sources[0];
  const other = sources.findIndex((source) => source.width !== width);
  if (other < 0) return;
  throw new WbdcError({
    where: 'features',
    expected: 'one width in all splits',
    got: `${width} in ${splits[0].name} and ${sources[other].width} in ${splits[other].name}`,
    advice: 'compute them again',
    code: 'feature-widths',
  });
}
