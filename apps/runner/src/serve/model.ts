import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import type { Video } from '@wbdc/data';
import { categoryModel, similarityModel, type HeadConfig, type RareClasses } from '@wbdc/finetune';
import { exists } from '@wbdc/io';
import { flatten, foldIn, randomKey, type Batch, type ParamTree } from '@wbdc/nn';
import { Tokenizer, type TextLayout } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { findCheckpoint, hasCheckpoint, loadParams } from '@wbdc/train/node';
import { hashParameters, type FeatureRecipe } from '@wbdc/video-features';
import {
  encoderOf,
  layoutOf,
  textReader,
  type SavedCategory,
  type SavedModel,
  type SavedSimilarity,
} from '@wbdc/pipeline';
import { readSavedModel } from '@wbdc/pipeline/node';
import { UserError } from '../errors.js';
import { readEncoderSizes } from '../export/checkpoint.js';
import { FINISHED_MODEL } from '../stages/training.js';

export type Kind = 'category' | 'similarity';

/** A finetuned model, ready to predict. */
export interface ServedModel {
  readonly folder: string;
  /** Short hash of the weights: embeddings of equal ones compare. */
  readonly hash: string;
  readonly tokenizer: Tokenizer;
  readonly layout: TextLayout;
  /** The texts of a video as the model read them when it was trained: cleaned, if they were. */
  readonly textsOf: (video: Video) => Record<string, string>;
  /** Most frames of a video. */
  readonly frameLimit: number;
  /** Dv. */
  readonly frameSize: number;
  /** How the features were made that it learned from. */
  readonly recipe: FeatureRecipe | undefined;
  /** Categories, or values of an embedding. */
  readonly outputs: number;
  /** Of a category model, in the order of its outputs. */
  readonly classes: readonly string[];
  /** Whether its predictions favour rare categories, as they did when it was finetuned. */
  readonly rare: RareClasses | undefined;
  /** Probabilities or unit vectors, a row per video. */
  run(batch: Batch): Float32Array[];
  dispose(): void;
}

/** The folder of a model's weights that a path means: a checkpoint, or the finetune stage or run that holds one. */
export async function findModel(path: string): Promise<string> {
  const places = ['', FINISHED_MODEL, join('finetune', FINISHED_MODEL)].map((part) => join(path, part));
  for (const place of places) if (await exists(join(place, 'state.json'))) return place;
  const series = ['checkpoints', join('finetune', 'checkpoints'), ''].map((part) => join(path, part));
  for (const place of series) if (await hasCheckpoint(place)) return findCheckpoint(place);
  for (const fold of [join(path, 'fold-0'), join(path, 'finetune', 'fold-0')]) {
    if (await hasCheckpoint(join(fold, 'checkpoints')))
      throw new UserError(`${path}: expected one model, got one per fold: choose with --checkpoint ${fold}`);
  }
  throw new UserError(
    `${path}: expected a checkpoint of the finetune stage, found none: run 'npx wbdc finetune' first, or give another --checkpoint`,
  );
}

const MAKES: Readonly<Record<Kind, string>> = { category: 'predicts categories', similarity: 'makes embeddings' };

/** @throws UserError where the checkpoint is none of a finetuning, or of the other kind */
export async function openModel(folder: string, kind: Kind): Promise<ServedModel> {
  const where = join(folder, 'config.json');
  const config = await readSavedModel(folder);
  assertKind(config, kind, where);
  const weights = join(folder, 'model.safetensors');
  const { vocabSize, frameSize } = await readEncoderSizes(weights, config.sizes.kind);
  const encoder = encoderOf({ model: config.sizes, frames: config.frames }, vocabSize, frameSize);
  const { params, run } = modelOf(kind, encoder, config.head);
  await loadParams(weights, params);
  return {
    folder,
    hash: (await hashParameters(params)).slice(0, 16),
    tokenizer: await loadTokenizer(folder),
    layout: layoutOf(config.text),
    textsOf: textReader(config.text),
    frameLimit: config.vision?.frames ?? config.frames.limit,
    frameSize,
    recipe: featureRecipeOf(config),
    outputs: config.head.outputs,
    classes: config.kind === 'category' ? config.classes : [],
    rare: config.kind === 'category' ? config.rareClass : undefined,
    run: (batch) => rowsOf(run(batch)),
    dispose: () => flatten(params).forEach(({ leaf }) => leaf.dispose()),
  };
}

/** @throws UserError where the model is none of a finetuning, or of the other kind */
function assertKind(config: SavedModel, asked: Kind, where: string): asserts config is SavedCategory | SavedSimilarity {
  if (config.kind === asked) return;
  if (config.kind === 'clip') {
    throw new UserError(`${where}: expected a checkpoint of the finetune stage, got one of a 'clip' model`);
  }
  const pretrained = config.kind === 'pretrained';
  const got = pretrained ? 'one without either head (of pretraining?)' : `one that ${MAKES[config.kind]}`;
  const advice = pretrained ? '' : `, or use 'wbdc ${config.kind === 'category' ? 'predict' : 'embed'}'`;
  throw new UserError(
    `${where}: expected a model that ${MAKES[asked]} (finetune.kind: ${asked}), got ${got}: ` +
      `finetune with --set finetune.kind=${asked}, or give another --checkpoint${advice}`,
  );
}

/** Of the features of AIAC's records nobody knows one. */
function featureRecipeOf({ features }: SavedCategory | SavedSimilarity): FeatureRecipe | undefined {
  return features !== null && 'weights' in features ? (features as FeatureRecipe) : undefined;
}

interface Running {
  readonly params: ParamTree;
  run(batch: Batch): Tensor2D;
}

function modelOf(kind: Kind, encoder: ReturnType<typeof encoderOf>, head: Omit<HeadConfig, 'hiddenSize'>): Running {
  const key = foldIn(randomKey(0), 'overwritten');
  if (kind === 'category') {
    const model = categoryModel(encoder, head);
    const params = model.init(key);
    return { params, run: (batch) => model.predict(params, batch) };
  }
  const model = similarityModel(encoder, head);
  const params = model.init(key);
  return { params, run: (batch) => model.embed(params, batch) };
}

function rowsOf(tensor: tf.Tensor2D): Float32Array[] {
  const [count, width] = tensor.shape;
  const values = tensor.dataSync<'float32'>().slice();
  tensor.dispose();
  return Array.from({ length: count }, (_, i) => values.subarray(i * width, (i + 1) * width));
}
