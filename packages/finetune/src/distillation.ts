import type { Dataset } from '@wbdc/data';
import type { CategoryExample } from './examples.js';
import type { Predicted } from './predicted.js';

export interface DistillationOptions {
  /** `soft`: the probabilities themselves; `hard`: the most probable class (pseudo-labels). */
  readonly labels: 'soft' | 'hard';
  /** Videos whose most probable class has less than this are left out. */
  readonly minConfidence: number;
  /** How much such a video counts in the loss, a labelled one being 1. */
  readonly weight: number;
}

/** The indices of videos without a category, by id: an ensemble may label them. */
export function unlabelledVideos(dataset: Pick<Dataset, 'size' | 'id' | 'text'>): Map<string, number> {
  const indices = new Map<string, number>();
  for (let i = 0; i < dataset.size; i++) if (dataset.text(i).categoryId === undefined) indices.set(dataset.id(i), i);
  return indices;
}

/**
 * A training example from a teacher's probabilities `[C]`; nothing where the teacher is not sure enough.
 * @param index of the video in the data set
 */
export function distilledExample(
  probabilities: Float32Array,
  index: number,
  { labels, minConfidence, weight }: DistillationOptions,
): CategoryExample | undefined {
  const most = Math.max(...probabilities);
  if (most < minConfidence) return undefined;
  return { index, label: labels === 'soft' ? probabilities : probabilities.indexOf(most), weight };
}

/** Examples from what a teacher says of the videos of `unlabelled`, and how many of them it was asked about. */
export function distilledExamples(
  { ids, values }: Predicted,
  unlabelled: ReadonlyMap<string, number>,
  options: DistillationOptions,
): { readonly examples: CategoryExample[]; readonly seen: number } {
  const width = values.length / ids.length;
  const known = ids.flatMap((id, row) => {
    const index = unlabelled.get(id);
    return index === undefined ? [] : [{ index, row }];
  });
  const examples = known.flatMap(({ index, row }) => {
    return distilledExample(values.slice(row * width, (row + 1) * width), index, options) ?? [];
  });
  return { examples, seen: known.length };
}
