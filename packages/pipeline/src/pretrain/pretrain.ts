import type { Measurement } from '../training/measurement.js';
import { join } from 'node:path';
import { batchesInOrder, corpusStatistics, readBatch, writeTagList, type Dataset, type Recipe } from '@wbdc/data';
import { makeFolder } from '@wbdc/io';
import { disposeTree, flatten } from '@wbdc/nn';
import type { PretrainParams } from '@wbdc/pretrain-tasks';
import type { Tokenizer } from '@wbdc/tokenizer';
import { findCheckpoint, loadParams } from '@wbdc/train/node';
import type { VideoTextParams } from '../encoder.js';
import { describeViews } from '../recipes/plan.js';
import { pretrainRecipe, type PretrainRecipe } from '../recipes/pretrain.js';
import { describeModel } from '../saved/saved-model.js';
import { pretrainSettings, type PretrainSettingsInput } from '../settings/pretrain.js';
import { tokenizerFiles } from '../training/files.js';
import { freshWeights, goesOn, runTraining, type RunOptions, type TrainingResult } from '../training/run.js';
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
}

export interface PretrainOptions extends RunOptions {
  /** Partial settings; the rest has the defaults of the schemas. */
  readonly settings?: PretrainSettingsInput;
  readonly data: PretrainData;
  /** The one that the data sets' texts were tokenised with; it is kept with the model. */
  readonly tokenizer: Tokenizer;
  /** A checkpoint of an earlier pretraining with the same model and tasks, whose weights this one starts from. */
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
  const { data, tokenizer, folder, checkpoint, initialize } = options;
  const settings = pretrainSettings(options.settings);
  const corpus = corpusStatistics(data.training);
  const { frameSize, tagCount, tags } = data.training;
  const recipe = pretrainRecipe(
    { settings, tokenizer, frameSize, tagCount, tokenCounts: corpus.tokenCounts },
    await freshWeights(options, checkpoint === undefined ? initialize?.paths : ['']),
  );
  try {
    const tagList = join(folder, 'tag_list.txt');
    await makeFolder(folder);
    await writeTagList(tagList, tags);
    if (!(await goesOn(options))) await start(options, recipe.params);
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
        read: recipe.reader((indices, key) => readBatch(data.training, indices, key)),
      },
      evaluate: async () => ({
        measured: await recipe.evaluate(batchesInOrder(data.heldOut, train.batchSize), corpus),
      }),
      model: describeModel('pretrained', { sizes, text, frames, tasks, views, features: data.features ?? null }),
      files: [...tokenizerFiles(tokenizer), tagList],
    });
    return { ...result, tagList, parameters: countValues(recipe), encoderPasses: passes };
  } finally {
    disposeTree({ ...recipe.params });
  }
}

/** The weights to start from, of a run that does not go on from a checkpoint of its own. */
async function start({ checkpoint, initialize, observer }: PretrainOptions, params: PretrainRecipe['params']) {
  if (checkpoint === undefined) await initialize?.run(params);
  else {
    const found = await findCheckpoint(checkpoint);
    await loadParams(join(found, 'model.safetensors'), params);
    observer?.onMessage?.(`going on from the weights of ${found}`);
  }
}

function countValues({ params }: PretrainRecipe): number {
  return flatten({ ...params }).reduce((sum, { leaf }) => sum + leaf.size, 0);
}
