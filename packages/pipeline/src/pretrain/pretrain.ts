import type { Measurement } from '../training/measurement.js';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import {
  batchesInOrder,
  corpusStatistics,
  randomSubset,
  readBatch,
  subsetOf,
  writeTagList,
  type Dataset,
  type Recipe,
} from '@wbdc/data';
import { pairSet, scoresDiffer, type Pair } from '@wbdc/finetune';
import { makeFolder } from '@wbdc/io';
import { besideBaselines, spearman, type Measured } from '@wbdc/metrics';
import { disposeTree, flatten, foldIn, randomKey } from '@wbdc/nn';
import type { MfmHead, MlmHead, PretrainParams } from '@wbdc/pretrain-tasks';
import type { Tokenizer } from '@wbdc/tokenizer';
import { loadParams } from '@wbdc/train/node';
import type { VideoTextParams } from '../encoder.js';
import { pairBaselinesOf, type PlainTexts } from '../finetune/baselines.js';
import { pairCosines } from '../finetune/pair-cosines.js';
import { describeViews } from '../recipes/plan.js';
import { pretrainRecipe, type PretrainRecipe } from '../recipes/pretrain.js';
import { describeModel } from '../saved/saved-model.js';
import { pretrainSettings, type PretrainSettingsInput } from '../settings/pretrain.js';
import { findModel } from '../trained/node/find-model.js';
import { tokenizerFiles } from '../training/files.js';
import { isRoot } from '../training/ranks.js';
import {
  DEFAULT_SEED,
  freshWeights,
  goesOn,
  runTraining,
  type RunOptions,
  type TrainingResult,
} from '../training/run.js';
import type { Initialize } from '../training/initialize.js';

/** The data of a pretraining. Data sets stay open: whoever opened them closes them. */
export interface PretrainData {
  /** Videos to learn from. Its tags are those of the tag task. */
  readonly training: Dataset;
  /** Videos to measure on, never learned from; with the same tags. */
  readonly heldOut: Dataset;
  /** How the frame features were made; models tell by it which videos fit them. */
  readonly features?: Recipe | undefined;
  /** Videos of each split, which follow one another, for `train.order: 'in-turn'`. */
  readonly sizes?: readonly number[];
  /**
   * Labelled pairs of the training videos and of the held-out ones: the Spearman of what has been learned, as it is, is
   * measured on them too, under `zero-shot/`. Nothing is learned of them.
   */
  readonly pairs?: { readonly training?: readonly Pair[]; readonly heldOut?: readonly Pair[] };
  /** The texts of videos as they are, for the baselines of those pairs. */
  readonly texts?: ((wanted: ReadonlySet<string>) => Promise<PlainTexts>) | undefined;
}

export interface PretrainOptions extends RunOptions {
  /** Partial settings; the rest has the defaults of the schemas. */
  readonly settings?: PretrainSettingsInput;
  readonly data: PretrainData;
  /** The one that the data sets' texts were tokenised with; it is kept with the model. */
  readonly tokenizer: Tokenizer;
  /** An earlier pretraining with the same model and tasks, as `findModel` finds it, to start from its weights. */
  readonly checkpoint?: string | undefined;
  /** Gives the fresh weights other values before the first step: those of a published BERT, say. */
  readonly initialize?: Initialize<[PretrainParams<VideoTextParams>]> | undefined;
}

/** How a pretraining ended. */
export interface PretrainResult extends TrainingResult<Measurement> {
  /** Values in all parameters together. */
  readonly parameters: number;
  /** How often the encoder runs in a step. */
  readonly encoderPasses: number;
  /** File with the tags, in the order of the tag task's outputs. */
  readonly tagList: string;
}

/**
 * Pretrains a video-text model. The folder gets `checkpoints/`, `metrics.jsonl` and `tag_list.txt`. The same options
 * give the same numbers, bit by bit, also after an interruption and with `resume`.
 *
 * @throws WbdcError where the settings do not fit, or a checkpoint is of another model
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainResult> {
  const { tokenizer, folder, checkpoint, initialize } = options;
  const settings = pretrainSettings(options.settings);
  const data = drawnData(options, settings.train.share);
  const corpus = corpusStatistics(data.training);
  const { frameSize, tagCount, tags } = data.training;
  const recipe = pretrainRecipe(
    { settings, tokenizer, frameSize, tagCount, tokenCounts: corpus.tokenCounts },
    await freshWeights(options, checkpoint === undefined ? initialize?.paths : ['']),
  );
  try {
    const tagList = join(folder, 'tag_list.txt');
    await makeFolder(folder);
    if (isRoot(options)) await writeTagList(tagList, tags);
    if (!(await goesOn(options))) await start(options, recipe.params);
    const zeroShot = zeroShotMeasure(options);
    const passes = recipe.model.encoderPasses;
    options.observer?.onMessage?.(
      `${passes} encoder ${passes === 1 ? 'pass' : 'passes'} a step: ${describeViews(recipe.views)}`,
    );
    const { model: sizes, text, frames, tasks, views, train } = settings;
    const result = await runTraining({
      ...options,
      recipe,
      data: {
        lengths: data.training.lengths,
        sections: train.order === 'in-turn' ? data.sizes : undefined,
        read: recipe.reader((indices, key) => readBatch(data.training, indices, key), options.communicator),
      },
      evaluate: async () => ({
        measured: {
          ...(await recipe.evaluate(batchesInOrder(data.heldOut, train.batchSize), corpus)),
          ...(await zeroShot(recipe)),
        },
      }),
      model: describeModel('pretrained', { sizes, text, frames, tasks, views, features: data.features ?? null }),
      files: [...tokenizerFiles(tokenizer), tagList],
    });
    return { ...result, tagList, parameters: countValues(recipe), encoderPasses: passes };
  } finally {
    disposeTree({ ...recipe.params });
  }
}

/** The data of a pretraining that learns from a share of its videos alone. */
function drawnData({ data, seed = DEFAULT_SEED }: PretrainOptions, share: number): PretrainData {
  if (share === 1) return data;
  const { training, sizes } = data;
  const count = Math.max(1, Math.round(share * training.size));
  const chosen = randomSubset(foldIn(randomKey(seed), 'share'), training.size, count);
  return { ...data, training: subsetOf(training, chosen), ...(sizes && { sizes: countWithin(chosen, sizes) }) };
}

/** How many of rising indices lie in each of the sections that follow one another. */
function countWithin(chosen: Int32Array, sizes: readonly number[]): number[] {
  let end = 0;
  return sizes.map((size) => {
    const begin = end;
    end += size;
    return chosen.filter((index) => index >= begin && index < end).length;
  });
}

/** Spearman of cosines with the scores of pairs, without any finetuning, beside what needs no model. */
function zeroShotMeasure({
  data,
  observer,
}: PretrainOptions): (recipe: PretrainRecipe) => Promise<Record<string, Measured>> {
  const { training, heldOut, pairs = {}, texts } = data;
  const lists = [
    ['zero-shot/validation spearman', pairs.training, training],
    ['zero-shot/held-out spearman', pairs.heldOut, heldOut],
  ] as const;
  const sets = lists.flatMap(([name, list = [], dataset]) => {
    if (list.length === 0 || !scoresDiffer(list)) return [];
    const set = pairSet(list, dataset);
    let reached: Promise<Record<string, number>> | undefined;
    return { name, set, baselines: () => (reached ??= pairBaselinesOf(set, { texts, features: true, observer })) };
  });
  return async ({ embed, settings: { batchSize } }) => {
    const measured: Record<string, Measured> = {};
    for (const { name, set, baselines } of sets) {
      const own = spearman(await pairCosines(set, embed, batchSize), set.scores);
      measured[name] = besideBaselines(own, await baselines());
    }
    return measured;
  };
}

/** The weights to start from, of a run that does not go on from a checkpoint of its own. */
async function start(
  { checkpoint, initialize, observer, settings }: PretrainOptions,
  params: PretrainRecipe['params'],
): Promise<void> {
  if (checkpoint === undefined) {
    await initialize?.run(params);
    if (settings?.tasks?.mfm?.start === 'mlm') startFrameHead(params.heads);
  } else {
    const found = await findModel(checkpoint, { first: 'pretrain' });
    await loadParams(join(found, 'model.safetensors'), params);
    observer?.onMessage?.(`going on from the weights of ${found}`);
  }
}

/** Gives the layers before the output of the masked frames' head the values of the masked words'. */
function startFrameHead(heads: PretrainParams<VideoTextParams>['heads']): void {
  const { mlm, mfm } = heads as { readonly mlm?: MlmHead; readonly mfm?: MfmHead };
  if (mlm === undefined || mfm === undefined) return;
  const from = flatten({ transform: mlm.transform, norm: mlm.norm });
  flatten({ transform: mfm.transform, norm: mfm.norm }).forEach(({ leaf }, i) => {
    (leaf as tf.Variable).assign(from[i].leaf);
  });
}

function countValues({ params }: PretrainRecipe): number {
  return flatten({ ...params }).reduce((sum, { leaf }) => sum + leaf.size, 0);
}
