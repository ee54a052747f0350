import type { ClipBatch } from '@wbdc/pretrain-tasks/clip';
import type { CategoryBatch, PairBatch, TagBatch } from '@wbdc/finetune';
import {
  flatten,
  foldIn,
  randomInt,
  uniform,
  type Batch,
  type Encoder,
  type Key,
  type LossResult,
  type ParamTree,
} from '@wbdc/nn';
import { finetuneEncoder, type EncoderParams } from '../finetune/encoder.js';
import { categoryRecipe, similarityRecipe, tagRecipe } from '../finetune/recipe.js';
import { clipRecipe, visionConfigOf } from '../recipes/clip.js';
import { describeViews } from '../recipes/plan.js';
import { pretrainRecipe, type PreparedBatch } from '../recipes/pretrain.js';
import type { TrainingRecipe } from '../recipes/recipe.js';
import type { LoopSettings } from '../settings/training.js';
import type { GradientFunction, Rules } from '@wbdc/train';
import { clipVision } from '@wbdc/clip-model';
import {
  expectedCategory,
  expectedClip,
  expectedLosses,
  expectedSimilarity,
  expectedTags,
  type Expectation,
} from './expected.js';
import type { CheckJob, CheckSettings, DataSizes } from './settings.js';
import { syntheticBatch, syntheticClipBatch, syntheticTokenizer } from './synthetic.js';

/** A training with synthetic examples. */
export interface Subject<B = unknown> {
  /** What is trained: `uni-model`. */
  readonly about: string;
  /** What its examples are. */
  readonly noun: string;
  readonly params: ParamTree;
  /** Parameters by component. */
  readonly components: Readonly<Record<string, ParamTree>>;
  readonly passes?: { readonly count: number; readonly about: string };
  /** So many examples, which fill every limit of the configuration. */
  readonly batchOf: (examples: number) => B;
  /** Every metric that has an expectation is in the result. A dropout key means training. */
  readonly loss: (batch: B, dropout?: Key) => LossResult;
  readonly expected: (batch: B) => Expectation[];
  readonly settings: Pick<LoopSettings, 'batchSize' | 'epochs' | 'stopAfter' | 'accumulate'>;
  readonly rules: Rules;
  readonly gradients: GradientFunction;
  /** Averages of the weights are kept beside them. */
  readonly averages: boolean;
}

/** The training that a job with these settings would be. */
export function subjectOf(job: CheckJob, config: CheckSettings, sizes: DataSizes, key: Key): Subject {
  const made = { pretrain, clip: clipStage, finetune: FINETUNE[config.finetune.kind] }[job](config, sizes, key);
  return made as Subject;
}

/** What is checked of any recipe. */
function subject<B>({ params, components, loss, averageDecay, ...recipe }: TrainingRecipe<B>) {
  return {
    ...recipe,
    params: { ...params },
    components,
    loss: (batch: B, dropout?: Key) => withLoss(loss(batch, dropout)),
    averages: averageDecay !== undefined,
  };
}

function pretrain(config: CheckSettings, sizes: DataSizes, key: Key): Subject<PreparedBatch> {
  const tokenizer = syntheticTokenizer(sizes.vocabSize);
  const recipe = pretrainRecipe({ settings: config, tokenizer, ...sizes }, foldIn(key, 'init'));
  return {
    ...subject(recipe),
    passes: { count: recipe.model.encoderPasses, about: describeViews(recipe.views) },
    batchOf: (videos) =>
      recipe.prepare(syntheticBatch(config, tokenizer, { ...sizes, videos }, foldIn(key, 'batch')), key),
    expected: ({ views }) => expectedLosses(config, views, sizes),
  };
}

function clipStage({ clip: settings }: CheckSettings, { vocabSize }: DataSizes, key: Key): Subject<ClipBatch> {
  const recipe = clipRecipe(settings, vocabSize, foldIn(key, 'init'));
  return {
    ...subject(recipe),
    batchOf: (videos) => syntheticClipBatch(settings, { videos, vocabSize }, foldIn(key, 'batch')),
    expected: (batch) => expectedClip(batch, settings),
  };
}

function category(config: CheckSettings, sizes: DataSizes, key: Key): Subject<CategoryBatch> {
  const encoder = finetunedEncoder(config, sizes);
  const recipe = categoryRecipe(config, encoder, sizes.classes, foldIn(key, 'init'));
  return {
    ...subject(recipe),
    batchOf: (videos) => ({
      batch: videosOf(config, encoder, videos, key),
      labels: Int32Array.from({ length: videos }, (_, i) => randomInt(foldIn(key, 'labels'), i, sizes.classes)),
    }),
    expected: () => expectedCategory(sizes.classes, config.finetune.labelSmoothing),
  };
}

function similarity(config: CheckSettings, sizes: DataSizes, key: Key): Subject<PairBatch> {
  const encoder = finetunedEncoder(config, sizes);
  const recipe = similarityRecipe(config, encoder, foldIn(key, 'init'));
  const every = (pairs: number, from: number): Int32Array => Int32Array.from({ length: pairs }, (_, i) => from + i);
  return {
    ...subject(recipe),
    batchOf: (pairs) => ({
      batch: videosOf(config, encoder, 2 * pairs, key),
      left: every(pairs, 0),
      right: every(pairs, pairs),
      labels: Float32Array.from({ length: pairs }, (_, i) => uniform(foldIn(key, 'labels'), i)),
    }),
    expected: expectedSimilarity,
  };
}

function tags(config: CheckSettings, sizes: DataSizes, key: Key): Subject<TagBatch> {
  const encoder = finetunedEncoder(config, sizes);
  const recipe = tagRecipe(config, encoder, sizes.tagCount, foldIn(key, 'init'));
  return {
    ...subject(recipe),
    batchOf: (videos) => ({ batch: videosOf(config, encoder, videos, key, sizes.tagCount) }),
    expected: ({ batch }) => expectedTags(batch, config.finetune.tags, sizes.tagCount),
  };
}

const FINETUNE = { category, similarity, tags };

/** The encoder, behind a tower where that is trained too. */
function finetunedEncoder(config: CheckSettings, sizes: DataSizes): Encoder<EncoderParams> {
  if (config.finetune.vision === null) return finetuneEncoder(config, sizes);
  const { output } = config.features;
  const vision = visionConfigOf(config.clip);
  const tower = clipVision(output === 'projected' ? { ...vision, projection: sizes.frameSize } : vision);
  return finetuneEncoder(config, sizes, { tower, output });
}

/** Synthetic videos, with pictures where the encoder reads such. */
function videosOf(
  config: CheckSettings,
  { vocabSize, frameSize }: Encoder<EncoderParams>,
  videos: number,
  key: Key,
  tagCount = 0,
): Batch {
  const limit = config.finetune.vision?.frames ?? config.frames.limit;
  const settings = { text: config.text, frames: { ...config.frames, limit } };
  const sizes = { frameSize, tagCount, videos };
  return syntheticBatch(settings, syntheticTokenizer(vocabSize), sizes, foldIn(key, 'batch'));
}

function withLoss({ loss, metrics }: LossResult): LossResult {
  return { loss, metrics: { loss: { sum: loss, count: 1 }, ...metrics } };
}

/** How many values a tree has. */
export function countValues(tree: ParamTree): number {
  return flatten(tree).reduce((sum, { leaf }) => sum + leaf.size, 0);
}
