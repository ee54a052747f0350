import { wbdcLayout, type Dataset } from '@wbdc/data';
import {
  classesOf,
  countSingleVideos,
  labelledExamples,
  labelledVideos,
  splitByFold,
  type CategoryExample,
  type LabelledVideo,
} from '@wbdc/finetune';
import { readTruth } from '@wbdc/finetune/node';
import { exists } from '@wbdc/io';
import { UserError } from '../../errors.js';
import { counted } from '../../format.js';
import type { StageContext } from '../../stage.js';
import { dataRoot } from '../data-root.js';
import type { Finetuning } from './start.js';
import { readTeaching } from './teachers.js';

export interface Parts {
  /** All there are, sorted: those of a fold that learns without a category's only video too. */
  readonly classes: readonly string[];
  /** Labelled videos to learn from. */
  readonly train: readonly LabelledVideo[];
  /** Those, and what an ensemble says of others. */
  readonly examples: readonly CategoryExample[];
  readonly measure: { readonly dataset: Dataset; readonly videos: readonly LabelledVideo[] };
}

/** Labelled videos to learn from, and those to measure on. */
export async function divide(finetuning: Finetuning): Promise<Parts> {
  const { context, training } = finetuning;
  const { finetune } = context.config;
  const labelled = labelledVideos(training.dataset);
  if (labelled.length === 0) {
    throw new UserError(`finetune.splits: expected videos with category_id in ${finetune.splits.join(', ')}, got none`);
  }
  const classes = classesOf(labelled);
  if (classes.length === 1) {
    throw new UserError(
      `finetune.splits: expected videos of two categories or more, got ${labelled.length} of ${classes[0]} alone: there is nothing to learn`,
    );
  }
  const parts =
    finetune.folds === null ? await byTruth(finetuning, labelled) : byFold(context, training.dataset, labelled);
  const taught =
    finetune.distill === null ? [] : await readTeaching(context, finetune.distill, training.dataset, classes);
  return { ...parts, classes, examples: [...labelledExamples(parts.train, classes), ...taught] };
}

type Divided = Pick<Parts, 'train' | 'measure'>;

function byFold({ config, output }: StageContext, dataset: Dataset, labelled: readonly LabelledVideo[]): Divided {
  const { folds, fold } = config.finetune;
  const rare = countSingleVideos(labelled);
  if (rare > 0) output.warn(`${counted(rare, 'category', 'categories')} with one video each: ${SINGLE_RULE}`);
  const { train, validation } = splitByFold(labelled, { folds: folds!, fold: Number(fold) });
  return { train, measure: { dataset, videos: validation } };
}

const SINGLE_RULE = 'each is learned from in every fold but its own, where it is predicted wrongly';

async function byTruth({ context, heldOut }: Finetuning, labelled: readonly LabelledVideo[]): Promise<Divided> {
  const { heldOutSplits } = context.config.data;
  const truth = await heldOutTruth(context);
  const known = labelledVideos(heldOut.dataset, truth);
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

/** `<split>_truth.csv` of the held-out splits, beside the annotations. */
export async function heldOutTruth(context: StageContext): Promise<Map<string, string>> {
  const truth = new Map<string, string>();
  for (const split of context.config.data.heldOutSplits) {
    const path = wbdcLayout(dataRoot(context)).truth(split);
    if (await exists(path)) for (const [id, category] of await readTruth(path)) truth.set(id, category);
  }
  return truth;
}

/** The file with the categories' names, where there is one. */
export async function categoryNames(context: StageContext): Promise<string[]> {
  const path = wbdcLayout(dataRoot(context)).categories;
  return (await exists(path)) ? [path] : [];
}
