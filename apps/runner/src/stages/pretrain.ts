import { join, resolve } from 'node:path';
import { corpusStatistics, readBatch, writeTagList } from '@wbdc/data';
import { flatten, foldIn, randomKey, type ParamTree } from '@wbdc/nn';
import { describeModel } from '@wbdc/pipeline';
import { evaluate, pretraining, type PreparedView } from '@wbdc/pretrain-tasks';
import { Tokenizer, TOKENIZER_FILES } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { findCheckpoint, loadParams } from '@wbdc/train/node';
import type { Config } from '../config/schema.js';
import { UserError } from '../errors.js';
import type { StageContext, StageResult } from '../stage.js';
import { counted } from '../format.js';
import { bertSizesOf, describeViews, encoderOf, planOf, viewsOf } from './model.js';
import { pastQueue } from './past-queue.js';
import { startFromBert } from './published.js';
import { train, type Trained } from './training.js';
import { batchesInOrder, definedOnly, openVideoSet, tagChooser, type VideoSet } from './video-set.js';

/** A corrupted batch, and whose it is. */
interface Prepared {
  readonly ids: readonly string[];
  readonly views: readonly PreparedView[];
}

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
  const { dataset, recipe } = training;
  const encoder = encoderOf(config, tokenizer.vocabSize, dataset.frameSize);
  const corpus = corpusStatistics(dataset);
  const model = pretraining(encoder, planOf(config, tokenizer, dataset.tagCount, corpus.tokenCounts));
  const params = model.init(foldIn(randomKey(config.seed), 'init'));
  const { init } = config.model;
  if (init !== undefined) {
    const start = { setting: 'model.init', folder: init, path: 'encoder.bert.' };
    const head = config.tasks.mlm && config.tasks.mlm.weight > 0 ? { mlmHead: 'heads.mlm' } : {};
    await startFromBert(params, bertSizesOf(config.model, tokenizer.vocabSize), { ...start, ...head }, context);
  }
  if (config.train.init !== null) await goOnFrom(context, params, config.train.init);
  context.output.say(
    `${counted(model.encoderPasses, 'encoder pass', 'encoder passes')} a step: ${describeViews(viewsOf(config))}`,
  );
  // The same masks at every measurement, whatever the seed: numbers of different runs compare.
  const measure = () =>
    evaluate(model, params, batchesInOrder(heldOut.dataset, config.train.batchSize), corpus, randomKey(0));
  const { learningRate, weightDecay, rules } = config.train;
  const { model: sizes, text, frames, tasks, views } = config;
  const { mfm, ftc } = tasks;
  const queue = { frames: mfm?.queue ?? 0, texts: ftc?.queue ?? 0, field: ftc?.field ?? 'title' };
  const readWithPast = pastQueue(queue, ({ indices, key }) => readBatch(dataset, indices, foldIn(key, 'frames')));
  const trained = await train<Prepared>(context, {
    params,
    settings: config.train,
    rules: { learningRate, weightDecay, rules: rules.map(definedOnly) },
    lengths: dataset.lengths,
    ...(config.train.order === 'in-turn' && { parts: training.sizes() }),
    read: async (_indices, key, place) => {
      const batch = await readWithPast(place);
      return { ids: batch.ids, views: model.prepare(batch, foldIn(key, 'masks')) };
    },
    loss: ({ views: prepared }, key) => model.loss(params, prepared, key),
    ids: ({ ids }) => ids,
    evaluate: measure,
    config: describeModel('pretrained', { sizes, text, frames, tasks, views, features: recipe ?? null }),
    files: [...TOKENIZER_FILES.map((name) => join(upstream('vocab'), name)), join(folder, 'tag_list.txt')],
  });
  const parameters = flatten({ ...params }).reduce((sum, { leaf }) => sum + leaf.size, 0);
  return { ...trained, summary: { parameters, 'encoder passes': model.encoderPasses, ...trained.summary } };
}
