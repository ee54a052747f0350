import type { Dataset } from '@wbdc/data';
import { foldIn, randomKey, type Key } from '@wbdc/nn';
import type { CategoryBatch } from './category.js';
import type { Label } from './labels.js';
import { groupsOf } from './groups.js';
import { stratifiedFolds } from './stratified-folds.js';

/** A video with a category, by its index in a data set. */
export interface LabelledVideo {
  readonly index: number;
  readonly category: string;
  /** Of the videos that no fold divides; nothing where it stands alone. */
  readonly group?: string;
}

/** A training example of a category model. */
export interface CategoryExample {
  /** Of the video in the data set. */
  readonly index: number;
  readonly label: Label;
  /** In the loss; 1 for a video that people have labelled. */
  readonly weight: number;
}

/**
 * The videos whose category is known: by `truth`, from ids to categories, or by the data set itself.
 *
 * @param groups which videos belong together, by id; by default what the data set says
 */
export function labelledVideos(
  dataset: Pick<Dataset, 'size' | 'id' | 'text'>,
  truth?: ReadonlyMap<string, string>,
  groups: ReadonlyMap<string, string> = groupsOf(dataset),
): LabelledVideo[] {
  return Array.from({ length: dataset.size }, (_, index) => index).flatMap((index) => {
    const id = dataset.id(index);
    const category = truth?.get(id) ?? dataset.text(index).categoryId;
    const group = groups.get(id);
    return category === undefined ? [] : [{ index, category, ...(group !== undefined && { group }) }];
  });
}

/** The categories that occur, sorted: the order of a model's outputs. */
export function classesOf(videos: readonly LabelledVideo[]): string[] {
  return [...new Set(videos.map(({ category }) => category))].sort();
}

/** How many categories have a single video, or a single group of them, which no fold can both learn and validate. */
export function countSingleVideos(videos: readonly LabelledVideo[]): number {
  const groups = new Map<string, Set<string>>();
  videos.forEach(({ category }) => groups.set(category, new Set()));
  videos.forEach((video) => groups.get(video.category)!.add(foldGroup(video)));
  return [...groups.values()].filter(({ size }) => size === 1).length;
}

/** The group of a video; one that stands alone is its own. */
function foldGroup({ index, group }: LabelledVideo): string {
  return group === undefined ? `video ${index}` : `group ${group}`;
}

/** Training and validation videos. */
export interface LabelledSplit {
  readonly train: readonly LabelledVideo[];
  readonly validation: readonly LabelledVideo[];
}

/**
 * Fold `fold` of `folds`, stratified by category; groups stay whole. The folds do not depend on any seed, so that
 * models of several folds cover every video once.
 */
export function splitByFold(
  videos: readonly LabelledVideo[],
  { folds, fold }: { readonly folds: number; readonly fold: number },
): LabelledSplit {
  const categories = videos.map(({ category }) => category);
  const foldOf = stratifiedFolds(categories, folds, foldIn(randomKey(0), 'folds'), groupsByIndex(videos));
  const side = (validation: boolean): LabelledVideo[] => videos.filter((_, i) => (foldOf[i] === fold) === validation);
  return { train: side(false), validation: side(true) };
}

/** Nothing where every video stands alone. */
function groupsByIndex(videos: readonly LabelledVideo[]): string[] | undefined {
  return videos.some(({ group }) => group !== undefined) ? videos.map(foldGroup) : undefined;
}

/** Examples that say of every video which of `classes` it is. */
export function labelledExamples(videos: readonly LabelledVideo[], classes: readonly string[]): CategoryExample[] {
  const indexOf = new Map(classes.map((name, i) => [name, i]));
  return videos.map(({ index, category }) => ({ index, label: indexOf.get(category)!, weight: 1 }));
}

/** Reads the examples of a batch; the key draws their frames. */
export async function readCategoryBatch(
  dataset: Pick<Dataset, 'batch'>,
  examples: readonly CategoryExample[],
  key?: Key,
): Promise<CategoryBatch> {
  const indices = examples.map(({ index }) => index);
  return {
    batch: await dataset.batch(indices, key),
    labels: examples.map(({ label }) => label),
    weights: examples.map(({ weight }) => weight),
  };
}
