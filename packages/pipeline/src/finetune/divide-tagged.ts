import { groupsOf } from '@wbdc/finetune';
import { WbdcError } from '@wbdc/io/errors';
import type { Dataset } from '@wbdc/data';
import { foldIn, randomKey, uniform } from '@wbdc/nn';
import type { FinetuneOptions } from './options.js';

/** Videos by their indices in a data set. */
export interface Chosen {
  readonly dataset: Dataset;
  readonly indices: readonly number[];
}

/** Videos with tags: by fold, or all to learn from and the held-out ones to measure on. */
export function divideTagged(options: FinetuneOptions): { readonly train: Chosen; readonly measured: Chosen } {
  const { settings, data, observer } = options;
  const { folds, fold, splits } = settings.finetune;
  const { training, heldOut } = data;
  const labelled = taggedIn(training);
  if (labelled.length === 0) {
    const expected = `videos with tags in ${splits.join(', ')}`;
    throw new WbdcError({ where: 'finetune.splits', expected, got: 'none' });
  }
  if (folds === null) {
    const known = taggedIn(heldOut);
    if (known.length === 0) {
      observer?.onWarning?.('no tags of the held-out videos: nothing is measured, thresholds are 1/2; or set folds');
    }
    return {
      train: { dataset: training, indices: labelled },
      measured: { dataset: heldOut, indices: known },
    };
  }
  const groups = groupsOf(training, data.groups);
  const key = foldIn(randomKey(0), 'folds'); // of no seed: models of several folds cover every video once
  const foldOf = (index: number): number => {
    const id = training.id(index);
    return Math.floor(uniform(foldIn(key, groups.get(id) ?? id), 0) * folds);
  };
  const inFold = (index: number): boolean => foldOf(index) === Number(fold);
  const train = labelled.filter((index) => !inFold(index));
  if (train.length === 0) {
    const expected = `videos with tags outside fold ${fold}`;
    const got = `none of ${labelled.length}`;
    throw new WbdcError({ where: 'finetune.folds', expected, got, advice: 'ask for other folds' });
  }
  return {
    train: { dataset: training, indices: train },
    measured: { dataset: training, indices: labelled.filter(inFold) },
  };
}

/** The videos of a data set that have tags. */
export function taggedIn(dataset: Dataset): number[] {
  const all = Array.from({ length: dataset.size }, (_, index) => index);
  return all.filter((index) => (dataset.text(index).tags ?? []).length > 0);
}

/** 1 where a video has a tag `[N, T]`. */
export function truthOf({ dataset, indices }: Chosen, count: number): Float32Array {
  const truth = new Float32Array(indices.length * count);
  indices.forEach((index, row) => {
    for (const tag of dataset.text(index).tags ?? []) truth[row * count + tag] = 1;
  });
  return truth;
}

/** How often videos have each tag `[T]`. */
export function frequenciesOf(videos: Chosen, count: number): Float64Array {
  const sums = new Float64Array(count);
  truthOf(videos, count).forEach((value, i) => (sums[i % count] += value / videos.indices.length));
  return sums;
}
