import type { Dataset } from '@wbdc/data';
import { foldIn, randomKey, type Key } from '@wbdc/nn';
import type { CategoryBatch } from './category.js';
import type { Label } from './labels.js';
import { stratifiedFolds } from './splits.js';

/** A video with a category, by its index in a data set. */
export interface LabelledVideo {
  readonly index: number;
  readonly category: string;
}

/** A training example of a category model. */
export interface CategoryExample {
  /** Of the video in the data set. */
  readonly index: number;
  readonly label: Label;
  /** In the loss; 1 for a video that people have labelled. */
  readonly weight: number;
}

/** The videos whose category is known: by `truth`, from ids to categories, or by the data set itself. */
export function labelledVideos(
  dataset: Pick<Dataset, 'size' | 'id' | 'text'>,
  truth?: ReadonlyMap<string, string>,
): LabelledVideo[] {
  return Array.from({ length: dataset.size }, (_, index) => index).flatMap((index) => {
    const category = truth?.get(dataset.id(index)) ?? dataset.text(index).categoryId;
    return category === undefined ? [] : [{ index, category }];
  });
}

/** The categories that occur, sorted: the order of a model's outputs. */
export function classesOf(videos: readonly LabelledVideo[]): string[] {
  return [...new Set(videos.map(({ category }) => category))].sort();
}

/** How many categories have a single video, which no fold can both learn and validate. */
export function countSingleVideos(videos: readonly LabelledVideo[]): number {
  const counts = new Map<string, number>();
  for (const { category } of videos) counts.set(category, (counts.get(category) ?? 0) + 1);
  return [...counts.values()].filter((count) => count === 1).length;
}

/** Training and validation videos. */
export interface LabelledSplit {
  readonly train: readonly LabelledVideo[];
  readonly validation: readonly LabelledVideo[];
}

/**
 * Fold `fold` of `folds`, stratified by category. The folds do not depend on any seed, so that models of several folds
 * cover every video once.
 */
export function splitByFold(
  videos: readonly LabelledVideo[],
  { folds, fold }: { readonly folds: number; readonly fold: number },
): LabelledSplit {
  const categories = videos.map(({ category }) => category);
  const foldOf = stratifiedFolds(categories, folds, foldIn(randomKey(0), 'folds'));
  const side = (validation: boolean): LabelledVideo[] => videos.filter((_, i) => (foldOf[i] === fold) === validation);
  return { train: side(false), validation: side(true) };
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
