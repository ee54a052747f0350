import { join } from 'node:path';
import type { Dataset } from '@wbdc/data';
import { readCategories, stratifiedFolds, type Label } from '@wbdc/finetune';
import { foldIn, randomKey } from '@wbdc/nn';
import { UserError } from '../../errors.js';
import { exists, readIfThere } from '../../files.js';
import { counted } from '../../format.js';
import type { StageContext } from '../../stage.js';
import { dataRoot } from '../data-root.js';
import type { Finetuning } from './start.js';
import { readTeaching } from './teachers.js';

/** The categories of a model, one a line, in the order of its outputs. */
export const CATEGORIES_FILE = 'categories.txt';

/** What the categories are called, where the data set says so. */
export const NAMES_FILE = 'categories.json';

/** A labelled video: its place in a data set, and its category. */
export interface Labelled {
  readonly index: number;
  readonly category: string;
}

/** What is learned of a video of the training set. */
export interface Lesson {
  readonly index: number;
  readonly label: Label;
  readonly weight: number;
}

export interface Parts {
  /** All there are, sorted: those of a fold that learns without a category's only video too. */
  readonly classes: readonly string[];
  /** Labelled videos to learn from. */
  readonly train: readonly Labelled[];
  /** Those, and what an ensemble says of others. */
  readonly lessons: readonly Lesson[];
  readonly measure: { readonly dataset: Dataset; readonly videos: readonly Labelled[] };
}

/** Labelled videos to learn from, and those to measure on. */
export async function divide(finetuning: Finetuning): Promise<Parts> {
  const { context, training } = finetuning;
  const { finetune } = context.config;
  const labelled = labelledOf(training.dataset);
  if (labelled.length === 0) {
    throw new UserError(`finetune.splits: expected videos with category_id in ${finetune.splits.join(', ')}, got none`);
  }
  const classes = [...new Set(labelled.map(({ category }) => category))].sort();
  if (classes.length === 1) {
    throw new UserError(
      `finetune.splits: expected videos of two categories or more, got ${labelled.length} of ${classes[0]} alone: there is nothing to learn`,
    );
  }
  const parts =
    finetune.folds === null ? await byTruth(finetuning, labelled) : byFold(context, training.dataset, labelled);
  const placeOf = new Map(classes.map((name, place) => [name, place]));
  const own = parts.train.map(({ index, category }) => ({ index, label: placeOf.get(category)!, weight: 1 }));
  const taught =
    finetune.distill === null ? [] : await readTeaching(context, finetune.distill, training.dataset, classes);
  return { ...parts, classes, lessons: [...own, ...taught] };
}

type Divided = Pick<Parts, 'train' | 'measure'>;

function byFold({ config, output }: StageContext, dataset: Dataset, labelled: readonly Labelled[]): Divided {
  const { folds, fold } = config.finetune;
  const rare = countSingle(labelled);
  if (rare > 0) output.warn(`${counted(rare, 'category', 'categories')} with one video each: ${SINGLE_RULE}`);
  const key = foldIn(randomKey(0), 'folds'); // the same folds for every seed: models of several folds make a whole
  const places = stratifiedFolds(
    labelled.map(({ category }) => category),
    folds!,
    key,
  );
  const side = (held: boolean): Labelled[] => labelled.filter((_, i) => (places[i] === fold) === held);
  return { train: side(false), measure: { dataset, videos: side(true) } };
}

const SINGLE_RULE = 'each is learned from in every fold but its own, where it is predicted wrongly';

async function byTruth({ context, heldOut }: Finetuning, labelled: readonly Labelled[]): Promise<Divided> {
  const { heldOutSplits } = context.config.data;
  const truth = await readTruth(context);
  const known = labelledOf(heldOut.dataset, truth);
  const unknown = truth.size - known.filter(({ index }) => truth.has(heldOut.dataset.id(index))).length;
  if (unknown > 0)
    context.output.warn(`${counted(unknown, 'label')} of held-out videos that are not there: not counted`);
  if (known.length === 0) {
    context.output.warn(
      `no truth of ${heldOutSplits.join(', ')}: predicts them without measuring; or set finetune.folds`,
    );
  }
  return { train: labelled, measure: { dataset: heldOut.dataset, videos: known } };
}

function countSingle(labelled: readonly Labelled[]): number {
  const counts = new Map<string, number>();
  for (const { category } of labelled) counts.set(category, (counts.get(category) ?? 0) + 1);
  return [...counts.values()].filter((count) => count === 1).length;
}

function labelledOf(dataset: Dataset, truth?: ReadonlyMap<string, string>): Labelled[] {
  return Array.from({ length: dataset.size }, (_, index) => index).flatMap((index) => {
    const category = truth?.get(dataset.id(index)) ?? dataset.text(index).categoryId;
    return category === undefined ? [] : [{ index, category }];
  });
}

/** `<split>_truth.csv` beside the annotations, lines as in a submission. */
export async function readTruth(context: StageContext): Promise<Map<string, string>> {
  const truth = new Map<string, string>();
  for (const split of context.config.data.heldOutSplits) {
    const path = join(dataRoot(context), 'annotations', `${split}_truth.csv`);
    const text = (await readIfThere(path))?.replace(/^\ufeff/, '');
    if (text === undefined) continue;
    const ids = new Set(
      text
        .split(/\r?\n/)
        .map((line) => line.split(',')[0])
        .filter(Boolean),
    );
    for (const [id, category] of readCategories(text, ids, undefined, path)) truth.set(id, category);
  }
  return truth;
}

/** The file with the categories' names, where there is one. */
export async function categoryNames(context: StageContext): Promise<string[]> {
  const path = join(dataRoot(context), NAMES_FILE);
  return (await exists(path)) ? [path] : [];
}
