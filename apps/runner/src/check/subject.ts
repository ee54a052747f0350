import { clip, type ClipBatch } from '@wbdc/pretrain-tasks/clip';
import { pretraining, type PreparedView } from '@wbdc/pretrain-tasks';
import { categoryModel, similarityModel, type CategoryBatch, type PairBatch } from '@wbdc/finetune';
import { flatten, foldIn, randomInt, uniform, type Batch, type Key, type LossResult, type ParamTree } from '@wbdc/nn';
import { valueAndGrad, type GradientFunction, type Rules } from '@wbdc/train';
import type { Config } from '../config/schema.js';
import { clipConfigOf, rulesOf as clipRulesOf } from '../stages/clip.js';
import { gradientsOf, rulesOf as finetuneRulesOf } from '../stages/finetune/start.js';
import { describeViews, encoderOf, planOf, viewsOf } from '../stages/model.js';
import { definedOnly } from '../stages/video-set.js';
import { expectedCategory, expectedClip, expectedLosses, expectedSimilarity, type Expectation } from './expected.js';
import type { CheckJob } from './jobs.js';
import { syntheticBatch, syntheticClipBatch, syntheticTokenizer } from './synthetic.js';

/** What the data would decide. */
export interface DataSizes {
  readonly vocabSize: number;
  readonly frameSize: number;
  readonly tagCount: number;
  readonly classes: number;
}

/** A training with made-up examples. */
export interface Subject<B = unknown> {
  /** What is trained: `uni-model`. */
  readonly about: string;
  /** What its examples are. */
  readonly noun: string;
  readonly params: ParamTree;
  /** Parameters by part. */
  readonly parts: Readonly<Record<string, ParamTree>>;
  readonly passes?: { readonly count: number; readonly about: string };
  /** So many examples, which fill every limit of the configuration. */
  readonly batchOf: (examples: number) => B;
  /** Every metric that has an expectation is in the result. A dropout key means training. */
  readonly loss: (batch: B, dropout?: Key) => LossResult;
  readonly expected: (batch: B) => Expectation[];
  readonly settings: Pick<Config['train'], 'batchSize' | 'epochs' | 'accumulate'>;
  readonly rules: Rules;
  readonly gradients: GradientFunction;
  /** Averages of the weights are kept beside them. */
  readonly averages: boolean;
}

/** The training that a job of a configuration would be. */
export function subjectOf(job: CheckJob, config: Config, sizes: DataSizes, key: Key): Subject {
  const made = { pretrain, clip: clipStage, finetune: FINETUNE[config.finetune.kind] }[job](config, sizes, key);
  return made as Subject;
}

function pretrain(config: Config, sizes: DataSizes, key: Key): Subject<PreparedView[]> {
  const tokenizer = syntheticTokenizer(sizes.vocabSize);
  const encoder = encoderOf(config, sizes.vocabSize, sizes.frameSize);
  const model = pretraining(encoder, planOf(config, tokenizer, sizes.tagCount));
  const params = model.init(foldIn(key, 'init'));
  const { learningRate, weightDecay, rules } = config.train;
  return {
    about: config.model.kind,
    noun: 'video',
    params: { ...params },
    parts: { encoder: params.encoder, ...params.heads },
    passes: { count: model.encoderPasses, about: describeViews(viewsOf(config)) },
    batchOf: (videos) =>
      model.prepare(
        syntheticBatch(config, tokenizer, { ...sizes, videos }, foldIn(key, 'batch')),
        foldIn(key, 'masks'),
      ),
    loss: (views, dropout) => model.loss(params, views, dropout),
    expected: (views) => expectedLosses(config, views, sizes),
    settings: config.train,
    rules: { learningRate, weightDecay, rules: rules.map(definedOnly) },
    gradients: valueAndGrad,
    averages: false,
  };
}

function clipStage({ clip: settings }: Config, { vocabSize }: DataSizes, key: Key): Subject<ClipBatch> {
  const sizes = clipConfigOf(settings, vocabSize);
  const model = clip(sizes);
  const params = model.init(foldIn(key, 'init'));
  const { vision, text, ...rest } = params;
  return {
    about: 'clip',
    noun: 'video',
    params: { ...params },
    parts: { vision, text, rest },
    batchOf: (videos) => syntheticClipBatch(settings, { videos, vocabSize }, foldIn(key, 'batch')),
    loss: (batch, dropout) => withLoss(model.loss(params, batch, dropout)),
    expected: expectedClip,
    settings,
    rules: {
      learningRate: settings.learningRates.new,
      weightDecay: settings.weightDecay,
      rules: clipRulesOf(settings),
    },
    gradients: valueAndGrad,
    averages: false,
  };
}

function category(config: Config, sizes: DataSizes, key: Key): Subject<CategoryBatch> {
  const { pooling, dropout, samples, labelSmoothing, rDrop } = config.finetune;
  const head = { pooling, dropout, samples, outputs: sizes.classes };
  const model = categoryModel(encoderOf(config, sizes.vocabSize, sizes.frameSize), { ...head, labelSmoothing, rDrop });
  const params = model.init(foldIn(key, 'init'));
  return {
    ...finetuning(config, params),
    noun: 'video',
    batchOf: (videos) => ({
      batch: videosOf(config, sizes, videos, key),
      labels: Int32Array.from({ length: videos }, (_, i) => randomInt(foldIn(key, 'labels'), i, sizes.classes)),
    }),
    loss: (batch, dropoutKey) => withLoss(model.loss(params, batch, dropoutKey)),
    expected: () => expectedCategory(sizes.classes, labelSmoothing),
  };
}

function similarity(config: Config, sizes: DataSizes, key: Key): Subject<PairBatch> {
  const { pooling, dropout, samples, width, rDrop } = config.finetune;
  const head = { pooling, dropout, samples, outputs: width };
  const model = similarityModel(encoderOf(config, sizes.vocabSize, sizes.frameSize), { ...head, rDrop });
  const params = model.init(foldIn(key, 'init'));
  const every = (pairs: number, from: number): Int32Array => Int32Array.from({ length: pairs }, (_, i) => from + i);
  return {
    ...finetuning(config, params),
    noun: 'pair',
    batchOf: (pairs) => ({
      batch: videosOf(config, sizes, 2 * pairs, key),
      left: every(pairs, 0),
      right: every(pairs, pairs),
      labels: Float32Array.from({ length: pairs }, (_, i) => uniform(foldIn(key, 'labels'), i)),
    }),
    loss: (batch, dropoutKey) => withLoss(model.loss(params, batch, dropoutKey)),
    expected: expectedSimilarity,
  };
}

const FINETUNE = { category, similarity };

/** What both kinds of finetuning have in common. */
function finetuning(config: Config, params: { readonly encoder: ParamTree; readonly head: ParamTree }) {
  const { model } = config;
  const finetune = { ...config.finetune, vision: null }; // made-up videos have features, no pictures
  const without = config.finetune.vision === null ? '' : '; its vision tower, which is trained too, is not counted';
  return {
    about: `${model.kind}, finetuned for ${finetune.kind}${without}`,
    params: { ...params },
    parts: { encoder: params.encoder, head: params.head },
    settings: finetune,
    rules: finetuneRulesOf({ finetune, model }, params),
    gradients: gradientsOf(finetune.adversarial),
    averages: finetune.ema !== null,
  };
}

function videosOf(config: Config, sizes: DataSizes, videos: number, key: Key): Batch {
  const tokenizer = syntheticTokenizer(sizes.vocabSize);
  return syntheticBatch(config, tokenizer, { ...sizes, tagCount: 0, videos }, foldIn(key, 'batch'));
}

function withLoss({ loss, metrics }: LossResult): LossResult {
  return { loss, metrics: { loss: { sum: loss, count: 1 }, ...metrics } };
}

/** How many values a tree has. */
export function countValues(tree: ParamTree): number {
  return flatten(tree).reduce((sum, { leaf }) => sum + leaf.size, 0);
}
