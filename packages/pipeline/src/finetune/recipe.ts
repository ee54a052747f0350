import type { Tensor2D } from '@tensorflow/tfjs';
import {
  categoryModel,
  similarityModel,
  tagModel,
  type CategoryBatch,
  type FinetuneParams,
  type HeadConfig,
  type PairBatch,
  type TagBatch,
} from '@wbdc/finetune';
import { single, type Communicator } from '@wbdc/distributed';
import type { Batch, Encoder, Key, LossResult } from '@wbdc/nn';
import type { TrainingRecipe } from '../recipes/recipe.js';
import type { FinetuneSettings } from '../settings/finetune.js';
import type { ModelSettings } from '../settings/model.js';
import type { EncoderParams } from './encoder.js';
import { finetuneGradients, finetuneRules } from './rules.js';

export interface RecipeSettings {
  readonly model: Pick<ModelSettings, 'kind' | 'layers'>;
  readonly finetune: FinetuneSettings;
}

/** What a finetuning trains and how, whatever the data. */
export interface FinetuneRecipe<B> extends TrainingRecipe<B, FinetuneParams<EncoderParams>> {
  /** The head, as the description of a saved model has it. */
  readonly head: Required<Omit<HeadConfig, 'hiddenSize' | 'hidden' | 'activation'>>;
}

export interface CategoryRecipe extends FinetuneRecipe<CategoryBatch> {
  /** Probabilities `[B, C]`. */
  readonly predict: (batch: Batch) => Tensor2D;
}

/** Category finetuning (WBDC 2022) of an encoder, with fresh weights of the given key. */
export function categoryRecipe(
  settings: RecipeSettings,
  encoder: Encoder<EncoderParams>,
  classes: number,
  key: Key,
): CategoryRecipe {
  const { pooling, attention, dropout, samples, labelSmoothing, rDrop } = settings.finetune;
  const head = { pooling, attention, dropout, samples, outputs: classes };
  const model = categoryModel(encoder, { ...head, labelSmoothing, rDrop });
  const params = model.init(key);
  return {
    ...trainingOf(settings, model, params),
    head,
    noun: 'video',
    predict: (batch) => model.predict(params, batch),
  };
}

export interface SimilarityRecipe extends FinetuneRecipe<PairBatch> {
  /** Unit vectors `[B, width]`. */
  readonly embed: (batch: Batch) => Tensor2D;
}

/**
 * Similarity finetuning (AIAC 2021) of an encoder, with fresh weights of the given key. Of several processes, losses
 * that compare the pairs of all divide by what all were asked.
 */
export function similarityRecipe(
  settings: RecipeSettings,
  encoder: Encoder<EncoderParams>,
  key: Key,
  { size }: Communicator = single,
): SimilarityRecipe {
  const { pooling, attention, dropout, samples, width, rDrop, loss } = settings.finetune;
  const head = { pooling, attention, dropout, samples, outputs: width };
  const model = similarityModel(encoder, { ...head, rDrop, loss });
  const params = model.init(key);
  return {
    ...trainingOf(settings, model, params),
    head,
    noun: 'pair',
    ...(size > 1 &&
      loss !== 'mse' && {
        asked: ({ labels }) => ({ pairs: labels.length }),
        loss: (batch, dropout, asked) =>
          model.loss(params, batch, dropout, asked && batch.labels.length / asked['pairs']),
      }),
    embed: (batch) => model.embed(params, batch),
  };
}

export interface TagRecipe extends FinetuneRecipe<TagBatch> {
  readonly head: Required<Omit<HeadConfig, 'hiddenSize'>>;
  /** Probabilities `[B, T]`. */
  readonly predict: (batch: Batch) => Tensor2D;
}

/** The form of a head over tags, where it is not that of the settings: of the pretraining that it goes on from. */
export type TagForm = Pick<TagRecipe['head'], 'pooling' | 'hidden' | 'activation'>;

/** Tag finetuning of an encoder, with fresh weights of the given key. */
export function tagRecipe(
  settings: RecipeSettings,
  encoder: Encoder<EncoderParams>,
  tagCount: number,
  key: Key,
  form: TagForm = { pooling: settings.finetune.pooling, hidden: null, activation: null },
): TagRecipe {
  const { attention, dropout, samples, rDrop, tags } = settings.finetune;
  const head = { attention, dropout, samples, outputs: tagCount, ...form };
  const model = tagModel(encoder, { ...head, asymmetry: tags.loss === 'asl' ? tags : null, rDrop });
  const params = model.init(key);
  return {
    ...trainingOf(settings, model, params),
    head,
    noun: 'video',
    predict: (batch) => model.predict(params, batch),
  };
}

/** What all kinds have in common. */
function trainingOf<B extends { readonly batch: Batch }>(
  settings: RecipeSettings,
  model: { loss(params: FinetuneParams<EncoderParams>, batch: B, key?: Key): LossResult },
  params: FinetuneParams<EncoderParams>,
) {
  const { kind, adversarial, ema } = settings.finetune;
  const { vision, ...encoder } = params.encoder;
  return {
    about: `${settings.model.kind}, finetuned for ${kind}${vision ? ', its vision tower too' : ''}`,
    settings: settings.finetune,
    params,
    loss: (batch: B, dropout?: Key) => model.loss(params, batch, dropout),
    ids: ({ batch }: B) => batch.ids,
    components: { encoder, ...(vision && { vision }), head: { ...params.head } },
    rules: finetuneRules(settings, { ...params }),
    gradients: finetuneGradients(adversarial),
    averageDecay: ema ?? undefined,
  };
}
