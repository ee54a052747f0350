import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import type { Video } from '@wbdc/data';
import { categoryModel, similarityModel, type HeadConfig, type RareClasses } from '@wbdc/finetune';
import { flatten, foldIn, randomKey, type Batch, type ParamTree } from '@wbdc/nn';
import { readJson } from '@wbdc/io';
import { Tokenizer, type TextLayout } from '@wbdc/tokenizer';
import { loadTokenizer } from '@wbdc/tokenizer/node';
import { findCheckpoint, hasCheckpoint, loadParams } from '@wbdc/train/node';
import { hashParameters, type FeatureRecipe } from '@wbdc/video-features';
import { z } from 'zod';
import { modelSchema, textSchema } from '@wbdc/pipeline';
import { UserError } from '../errors.js';
import { exists } from '../files.js';
import { readEncoderSizes } from '../export/checkpoint.js';
import { encoderOf } from '../stages/model.js';
import { FINISHED_MODEL } from '../stages/training.js';
import { layoutOf, textReader } from '../stages/video-set.js';

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

/** What prediction reads of a checkpoint's config.json. */
const configJson = z.object({
  model: z.enum(['uni-model', 'lxmert-model']),
  sizes: modelSchema,
  text: textSchema,
  frames: z.object({ limit: z.int().min(1) }),
  /** Where the tower was trained too: it may have read fewer frames. */
  vision: z.object({ frames: z.int().min(1).nullable() }).optional(),
  features: z
    .custom<FeatureRecipe>((value) => typeof value === 'object')
    .nullable()
    .default(null),
  kind: z.enum(['category', 'similarity']).optional(),
  classes: z.array(z.string()).default([]),
  rareClass: z.object({ strength: z.number().min(0), counts: z.array(z.number()) }).optional(),
  head: z
    .object({
      pooling: z.enum(['mean', 'attention', 'cls', 'both']),
      outputs: z.int().min(1),
      dropout: z.number().default(0),
    })
    .optional(),
});

type ModelConfig = z.output<typeof configJson>;

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
  const config = parseConfig(await readJson(where), where);
  assertKind(config, kind, where);
  const weights = join(folder, 'model.safetensors');
  const { vocabSize, frameSize } = await readEncoderSizes(weights, config.model);
  const sizes = { model: { ...config.sizes, kind: config.model }, frames: config.frames };
  const { params, run } = modelOf(kind, encoderOf(sizes, vocabSize, frameSize), config.head!);
  await loadParams(weights, params);
  return {
    folder,
    hash: (await hashParameters(params)).slice(0, 16),
    tokenizer: await loadTokenizer(folder),
    layout: layoutOf(config.text),
    textsOf: textReader(config.text),
    frameLimit: config.vision?.frames ?? config.frames.limit,
    frameSize,
    recipe: config.features && 'weights' in config.features ? config.features : undefined, // of AIAC's records nobody knows
    outputs: config.head!.outputs,
    classes: config.classes,
    rare: config.rareClass,
    run: (batch) => rowsOf(run(batch)),
    dispose: () => flatten(params).forEach(({ leaf }) => leaf.dispose()),
  };
}

function parseConfig(json: unknown, where: string): ModelConfig {
  const parsed = configJson.safeParse(json);
  if (parsed.success) return parsed.data;
  const model = (json as { model?: unknown } | null)?.model;
  const foreign = typeof model === 'string' && !configJson.shape.model.safeParse(model).success;
  const got = foreign ? `one of a '${model}' model` : `another: ${z.prettifyError(parsed.error)}`;
  throw new UserError(`${where}: expected a checkpoint of the finetune stage, got ${got}`);
}

function assertKind({ kind, head, classes }: ModelConfig, asked: Kind, where: string): void {
  if (kind === 'category' && head !== undefined && classes.length !== head.outputs) {
    throw new UserError(
      `${where}: expected ${head.outputs} classes, as many as outputs, got ${classes.length}: the file was changed, copy it again`,
    );
  }
  if (kind === asked && head !== undefined) return;
  const got = kind === undefined ? 'one without either head (of pretraining?)' : `one that ${MAKES[kind]}`;
  const advice = kind === undefined ? '' : `, or use 'wbdc ${kind === 'category' ? 'predict' : 'embed'}'`;
  throw new UserError(
    `${where}: expected a model that ${MAKES[asked]} (finetune.kind: ${asked}), got ${got}: ` +
      `finetune with --set finetune.kind=${asked}, or give another --checkpoint${advice}`,
  );
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
