import type { Dataset } from '@wbdc/data';
import {
  classesOf,
  countSingleVideos,
  groupsOf,
  labelledExamples,
  labelledVideos,
  splitByFold,
  type CategoryExample,
  type LabelledVideo,
} from '@wbdc/finetune';
import { WbdcError } from '@wbdc/io/errors';
import { counted } from '@wbdc/report/format';
import type { FinetuneOptions } from './options.js';
import { readTeaching } from './teachers.js';

/** What a category finetuning learns from and is measured on. */
export interface LabelledData {
  /** All there are, sorted: those of a fold that learns without a category's only video too. */
  readonly classes: readonly string[];
  /** Labelled videos to learn from. */
  readonly train: readonly LabelledVideo[];
  /** Those, and what an ensemble says of others. */
  readonly examples: readonly CategoryExample[];
  /** Labelled videos to measure on. */
  readonly measured: { readonly dataset: Dataset; readonly videos: readonly LabelledVideo[] };
}

/** Divides the labelled videos by fold, or by the truth of the held-out ones. */
export async function divideLabelled(options: FinetuneOptions): Promise<LabelledData> {
  const { finetune } = options.settings;
  const { training } = options.data;
  const labelled = labelledVideos(training, undefined, groupsOf(training, options.data.groups));
  const where = 'finetune.splits';
  if (labelled.length === 0) {
    const expected = `videos with category_id in ${finetune.splits.join(', ')}`;
    throw new WbdcError({ where, expected, got: 'none' });
  }
  const classes = classesOf(labelled);
  if (classes.length === 1) {
    throw new WbdcError({
      where,
      expected: 'videos of two categories or more',
      got: `${labelled.length} of ${classes[0]} alone`,
      advice: 'there is nothing to learn',
    });
  }
  const { train, measured } = finetune.folds === null ? byTruth(options, labelled) : byFold(options, labelled);
  const { distill } = finetune;
  const taught = distill === null ? [] : await readTeaching(distill, training, classes, options);
  return { classes, train, measured, examples: [...labelledExamples(train, classes), ...taught] };
}

type Divided = Pick<LabelledData, 'train' | 'measured'>;

function byFold({ settings, data, observer }: FinetuneOptions, labelled: readonly LabelledVideo[]): Divided {
  const { folds, fold } = settings.finetune;
  const single = countSingleVideos(labelled);
  if (single > 0) {
    const categories = counted(single, 'category', 'categories');
    const rule = 'each is learned from in every fold but its own, where it is predicted wrongly';
    const what = labelled.some(({ group }) => group !== undefined) ? 'one video or one group' : 'one video';
    observer?.onWarning?.(`${categories} with ${what} each: ${rule}`);
  }
  const { train, validation } = splitByFold(labelled, { folds: folds!, fold: Number(fold) });
  return { train, measured: { dataset: data.training, videos: validation } };
}

function byTruth({ data, observer }: FinetuneOptions, labelled: readonly LabelledVideo[]): Divided {
  const { heldOut, truth = new Map<string, string>() } = data;
  const videos = labelledVideos(heldOut, truth);
  const unknown = truth.size - videos.filter(({ index }) => truth.has(heldOut.id(index))).length;
  if (unknown > 0) {
    observer?.onWarning?.(`${counted(unknown, 'label')} of held-out videos that are not there: not counted`);
  }
  if (videos.length === 0) {
    observer?.onWarning?.('no truth of the held-out videos: predicts them without measuring; or set finetune.folds');
  }
  return { train: labelled, measured: { dataset: heldOut, videos } };
}
