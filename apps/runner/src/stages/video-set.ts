import {
  aiacIndexLayout,
  featureLayout,
  openAiacIndex,
  openFeatureStore,
  readTagList,
  wbdcLayout,
  type ChooseTags,
  type FeatureSource,
  type FeatureStore,
  type Recipe,
} from '@wbdc/data';
import * as pipeline from '@wbdc/pipeline/node';
import type { SplitInput, SplitTexts } from '@wbdc/pipeline/node';
import type { Tokenizer } from '@wbdc/tokenizer';
import { join } from 'node:path';
import { counted } from '@wbdc/report/format';
import type { Artifact, StageContext } from '../run/stage.js';
import { dataRoot, ownFolder, placesOf } from './data-root.js';

/** The videos of some splits with their features, and what was read. */
export interface VideoSet extends pipeline.VideoSet {
  readonly read: readonly Artifact[];
}

/** What stands for frames. */
export interface FrameInput {
  /** Of the frames that are read as they are. */
  readonly recipe?: Recipe;
  readonly maxFrames: number;
  open(split: string): Promise<FeatureSource & { readonly recipe?: Recipe }>;
}

export interface VideoSetOptions {
  /** Splits whose tags are not looked at. */
  readonly tagless?: readonly string[];
  /** Default: stored features, those of the AIAC records in their layout. */
  readonly input?: FrameInput;
}

/** Opens splits of a run for the model. */
export async function openVideoSet(
  context: StageContext,
  splits: readonly string[],
  tokenizer: Tokenizer,
  tags: readonly string[] | ChooseTags,
  { tagless = [], input = storedFeatures(context) }: VideoSetOptions = {},
): Promise<VideoSet> {
  const { config, signal, output } = context;
  const set = await pipeline.openVideoSet({
    splits: splitTexts(context, splits, tagless).map((split): SplitInput => ({
      ...split,
      openFeatures: () => input.open(split.name),
    })),
    tokenizer,
    text: config.text,
    frames: { ...config.frames, limit: input.maxFrames },
    tags,
    maxBadShare: config.data.maxBadShare,
    signal,
    observer: output,
  });
  return { ...set, recipe: input.recipe ?? set.recipe, read: artifactsOf(set.splits) };
}

/** What was read of splits, in the words of a stage's result. */
export function artifactsOf(splits: pipeline.VideoSet['splits']): Artifact[] {
  return splits.map(({ annotations, videos }) => ({ path: annotations, about: counted(videos, 'video') }));
}

/** Splits of a run's data. */
export function splitTexts(
  context: StageContext,
  splits: readonly string[],
  tagless: readonly string[] = [],
): SplitTexts[] {
  const root = dataRoot(context);
  return splits.map((name) => ({
    name,
    annotations: wbdcLayout(root).annotations(name),
    tagless: tagless.includes(name),
    labels: context.config.tasks.tag?.of ?? 'tags',
  }));
}

/** Frame features of a split: a store that the features stage made, or the records of the AIAC layout. */
function storedFeatures(context: StageContext): FrameInput {
  const { data, frames } = context.config;
  return {
    maxFrames: frames.limit,
    open: (split) =>
      data.layout === 'aiac'
        ? openRecords(aiacIndexLayout(context.upstream('data')).recordIndex(split))
        : openStored(context, split),
  };
}

/** The features of a split that the features stage made, or that `data.features` names. */
export function openStored(context: StageContext, split: string): Promise<FeatureStore> {
  const { features = context.upstream('features'), remote } = placesOf(context);
  return openFeatureStore(featureLayout(features).store(split), { remote });
}

/** Features of another recipe are refused; those of the AIAC records can be told by their width alone. */
async function openRecords(index: string): Promise<FeatureSource & { readonly recipe: Recipe }> {
  const source = await openAiacIndex(index);
  return Object.assign(source, { recipe: { layout: 'aiac', width: source.width } });
}

/**
 * What chooses the tags of the tag task once `splits` have been read: the most frequent ones of all training splits, or
 * in the AIAC layout the first of tag_list.txt. Nothing is chosen where the task is off.
 */
export async function tagChooser(context: StageContext, splits: readonly string[]): Promise<ChooseTags> {
  const { data, tasks } = context.config;
  if (!tasks.tag) return () => [];
  if (data.layout === 'aiac' && tasks.tag.of === 'tags') {
    const listed = await readTagList(join(ownFolder(context)!, 'tag_list.txt'), tasks.tag.count);
    return () => listed;
  }
  const others = data.trainSplits.filter((split) => !splits.includes(split));
  return pipeline.tagChooser(tasks.tag, splitTexts(context, others), context.signal);
}
