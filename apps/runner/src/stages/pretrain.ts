import { lxmertSizesOf } from '@wbdc/pipeline';
import { pretrain, startFromCorpus, textsOfSets, type PretrainOptions } from '@wbdc/pipeline/node';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import type { Dataset } from '@wbdc/data';
import { splitPairs } from '@wbdc/finetune';
import type { Config } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import { startModel } from '../core/served-model.js';
import type { StageContext, StageResult } from '../run/stage.js';
import { readPairs } from './finetune/pairs.js';
import { bertInitializer, startFromVision } from './published.js';
import { runInStage, trainedOf } from './training.js';
import { openVideoSet, tagChooser } from './video-set.js';

/** Pretrains the video-text model. */
export async function runPretrainStage(context: StageContext): Promise<StageResult> {
  const { config } = context;
  const tokenizer = await loadTokenizer(context.upstream('vocab'), context.output);
  const splits = splitsOf(config);
  const chooser = await tagChooser(context, splits);
  const training = await openVideoSet(context, splits, tokenizer, chooser, { tagless: config.data.heldOutSplits });
  const heldOut = await openVideoSet(context, config.data.heldOutSplits, tokenizer, training.dataset.tags);
  const { model, text, frames, tasks, views, train } = config;
  const settings = { model, text, frames, tasks, views, train };
  try {
    const pairs = train.zeroShot ? await validationPairs(context, training.dataset, heldOut.dataset) : undefined;
    const checkpoint = train.init === null ? undefined : await startModel('train.init', train.init, context);
    const result = await runInStage(context, (run) =>
      pretrain({
        ...run,
        settings,
        tokenizer,
        data: {
          training: training.dataset,
          heldOut: heldOut.dataset,
          features: training.recipe,
          sizes: training.sizes(),
          ...(pairs && { pairs, texts: textsOfSets([training, heldOut]) }),
        },
        initialize: initializer(context, tokenizer.vocabSize, training.dataset.frameSize),
        checkpoint,
      }),
    );
    const { made, ...trained } = trainedOf(result);
    const tagList = { path: result.tagList, about: `${training.dataset.tags.length} tags` };
    const { parameters, encoderPasses } = result;
    const summary = { parameters, 'encoder passes': encoderPasses, ...trained.summary };
    return { ...trained, read: [...training.read, ...heldOut.read], made: [...made, tagList], summary };
  } finally {
    await Promise.all([training.close(), heldOut.close()]);
  }
}

/** The pairs that finetuning validates on; all of those that it learns from where it validates on none. */
async function validationPairs(context: StageContext, training: Dataset, heldOut: Dataset) {
  const { train, heldOut: others } = await readPairs(context, training, heldOut);
  const { validation } = splitPairs(train, { ...context.config.finetune, fold: 0 });
  return { training: validation.length > 0 ? validation : train, ...(others && { heldOut: others }) };
}

function splitsOf({ train: { splits }, data }: Config): string[] {
  const known = [...data.trainSplits, ...data.heldOutSplits];
  const foreign = splits?.find((name) => !known.includes(name));
  if (foreign === undefined) return splits ?? data.trainSplits;
  throw new UserError(
    `train.splits: expected some of data.trainSplits and data.heldOutSplits (${known.join(', ')}), got '${foreign}'`,
  );
}

/** The weights of the text stage or of the published BERT, and of the vision tower of model.videoInit. */
function initializer(context: StageContext, vocabSize: number, frameSize: number): PretrainOptions['initialize'] {
  const { model, frames, tasks, corpus } = context.config;
  const { videoInit } = model;
  const first = corpus?.start
    ? { paths: ['encoder.bert'], run: textInitializer(context) }
    : bertInitializer(context, vocabSize, (tasks.mlm?.weight ?? 0) > 0);
  if (videoInit === undefined) return first;
  return {
    paths: first?.paths ?? [],
    run: async (params) => {
      await first?.run(params);
      const start = { setting: 'model.videoInit', folder: videoInit, path: 'encoder.' };
      await startFromVision({ ...params }, lxmertSizesOf(model, frames, vocabSize, frameSize), start, context);
    },
  };
}

function textInitializer({ upstream, output }: StageContext): NonNullable<PretrainOptions['initialize']>['run'] {
  return async (params) => {
    output.say(`going on from the text side of ${await startFromCorpus(params, upstream('text'))}`);
  };
}
