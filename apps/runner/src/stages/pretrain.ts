import { join, resolve } from 'node:path';
import { batchesInOrder, corpusStatistics, readBatch, writeTagList } from '@wbdc/data';
import { flatten, foldIn, randomKey, type ParamTree } from '@wbdc/nn';
import { bertSizesOf, describeModel, describeViews, pretrainRecipe } from '@wbdc/pipeline';
import { Tokenizer, TOKENIZER_FILES } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { findCheckpoint, loadParams } from '@wbdc/train/node';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import type { StageContext, StageResult } from '../stage.js';
import { counted } from '../format.js';
import { startFromBert } from './published.js';
import { train, type Trained } from './training.js';
import { openVideoSet, tagChooser, type VideoSet } from './video-set.js';

/** Pretrains the video-text model. */
export async function runPretrainStage(context: StageContext): Promise<StageResult> {
  const { config, folder } = context;
  const tokenizer = await loadTokenizer(context.upstream('vocab'));
  const splits = splitsOf(config);
  const chooser = await tagChooser(context, splits);
  const training = await openVideoSet(context, splits, tokenizer, chooser, { tagless: config.data.heldOutSplits });
  const { tags } = training.dataset;
  await writeTagList(join(folder, 'tag_list.txt'), tags);
  const heldOut = await openVideoSet(context, config.data.heldOutSplits, tokenizer, tags);
  try {
    const { status, made, summary } = await pretrain(context, tokenizer, training, heldOut);
    const tagList = { path: join(folder, 'tag_list.txt'), about: `${tags.length} tags` };
    return { status, read: [...training.read, ...heldOut.read], made: [...made, tagList], summary };
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

/** All weights of an earlier pretraining; shapes and names must be the same. */
async function goOnFrom({ output }: StageContext, params: ParamTree, init: string): Promise<void> {
  const checkpoint = await findCheckpoint(resolve(output.terminal.folder, init));
  await loadParams(join(checkpoint, 'model.safetensors'), params);
  output.say(`going on from the weights of ${checkpoint}`);
}

async function pretrain(
  context: StageContext,
  tokenizer: Tokenizer,
  training: VideoSet,
  heldOut: VideoSet,
): Promise<Trained> {
  const { config, folder, upstream } = context;
  const { dataset, recipe: features } = training;
  const corpus = corpusStatistics(dataset);
  const { frameSize, tagCount } = dataset;
  const { tokenCounts } = corpus;
  const key = foldIn(randomKey(config.seed), 'init');
  const recipe = pretrainRecipe({ settings: config, tokenizer, frameSize, tagCount, tokenCounts }, key);
  const { params } = recipe;
  const { init } = config.model;
  if (init !== undefined) {
    const start = { setting: 'model.init', folder: init, path: 'encoder.bert.' };
    const head = config.tasks.mlm && config.tasks.mlm.weight > 0 ? { mlmHead: 'heads.mlm' } : {};
    await startFromBert(params, bertSizesOf(config.model, tokenizer.vocabSize), { ...start, ...head }, context);
  }
  if (config.train.init !== null) await goOnFrom(context, params, config.train.init);
  const passes = recipe.model.encoderPasses;
  context.output.say(`${counted(passes, 'encoder pass', 'encoder passes')} a step: ${describeViews(recipe.views)}`);
  const { model: sizes, text, frames, tasks, views, train: settings } = config;
  const read = recipe.reader((indices, key) => readBatch(dataset, indices, key));
  const sections = settings.order === 'in-turn' ? training.sizes() : undefined;
  const trained = await train(context, {
    recipe,
    data: { lengths: dataset.lengths, sections, read },
    evaluate: async () => {
      const batches = batchesInOrder(heldOut.dataset, settings.batchSize);
      return { measured: await recipe.evaluate(batches, corpus) };
    },
    model: describeModel('pretrained', { sizes, text, frames, tasks, views, features: features ?? null }),
    files: [...TOKENIZER_FILES.map((name) => join(upstream('vocab'), name)), join(folder, 'tag_list.txt')],
  });
  const parameters = flatten({ ...params }).reduce((sum, { leaf }) => sum + leaf.size, 0);
  return { ...trained, summary: { parameters, 'encoder passes': passes, ...trained.summary } };
}
