import { resolve } from 'node:path';
import { bertSizesOf } from '@wbdc/pipeline';
import { pretrain, type PretrainOptions } from '@wbdc/pipeline/node';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import type { Config } from '../config/schema.js';
import { UserError } from '../core/errors.js';
import type { StageContext, StageResult } from '../run/stage.js';
import { startFromBert } from './published.js';
import { runInStage, trainedOf } from './training.js';
import { openVideoSet, tagChooser } from './video-set.js';

/** Pretrains the video-text model. */
export async function runPretrainStage(context: StageContext): Promise<StageResult> {
  const { config, output } = context;
  const tokenizer = await loadTokenizer(context.upstream('vocab'));
  const splits = splitsOf(config);
  const chooser = await tagChooser(context, splits);
  const training = await openVideoSet(context, splits, tokenizer, chooser, { tagless: config.data.heldOutSplits });
  const heldOut = await openVideoSet(context, config.data.heldOutSplits, tokenizer, training.dataset.tags);
  const { model, text, frames, tasks, views, train } = config;
  const settings = { model, text, frames, tasks, views, train };
  try {
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
        },
        initialize: initializer(context, tokenizer.vocabSize),
        checkpoint: train.init === null ? undefined : resolve(output.terminal.folder, train.init),
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

function splitsOf({ train: { splits }, data }: Config): string[] {
  const known = [...data.trainSplits, ...data.heldOutSplits];
  const foreign = splits?.find((name) => !known.includes(name));
  if (foreign === undefined) return splits ?? data.trainSplits;
  throw new UserError(
    `train.splits: expected some of data.trainSplits and data.heldOutSplits (${known.join(', ')}), got '${foreign}'`,
  );
}

/** The weights of the published BERT that model.init names. */
function initializer(context: StageContext, vocabSize: number): PretrainOptions['initialize'] {
  const { model, tasks } = context.config;
  const { init: folder } = model;
  if (folder === undefined) return undefined;
  const start = { setting: 'model.init', folder, path: 'encoder.bert.' };
  const head = tasks.mlm && tasks.mlm.weight > 0 ? { mlmHead: 'heads.mlm' } : {};
  return {
    paths: ['encoder.bert'],
    run: (params) => startFromBert({ ...params }, bertSizesOf(model, vocabSize), { ...start, ...head }, context),
  };
}
