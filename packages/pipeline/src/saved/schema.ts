import type { BertConfig } from '@wbdc/nn';
import type { ClipVisionConfig } from '@wbdc/clip-model';
import type { Recipe } from '@wbdc/data';
import { z } from 'zod';
import { attentionSchema, finetuneVisionSchema, poolingSchema } from '../settings/finetune.js';
import { framesSchema } from '../settings/frames.js';
import { modelSchema } from '../settings/model.js';
import { tasksSchema, viewsSchema } from '../settings/tasks.js';
import { textSchema } from '../settings/text.js';

/** The format of `config.json`. Files of wbdc 0.1.0 have no version: see `upgradeSavedModel`. */
export const SAVED_MODEL_VERSION = 1;

const count = z.int().min(1);
const version = z.literal(SAVED_MODEL_VERSION);

/** What the weights of a video-text encoder depend on. */
const architecture = {
  version,
  sizes: modelSchema,
  text: textSchema,
  frames: framesSchema,
  /** How the frame features were made that it learned from; null where nobody said. */
  features: z.custom<Recipe>(isRecord, 'the recipe of features').nullable().default(null),
};

const head = z.object({
  pooling: poolingSchema,
  attention: attentionSchema.default('linear'),
  /** Width of the embedding, or the number of categories. */
  outputs: count,
  dropout: z.number().min(0).lt(1).default(0),
  samples: count.default(1),
});

const finetuned = {
  ...architecture,
  head,
  /** Decay of the averaged weights, which are then the ones saved for use. */
  ema: z.number().nullable().default(null),
  /** Where the vision tower was trained too. */
  vision: finetuneVisionSchema.optional(),
};

const HEADS = { path: ['heads'], error: 'expected a divisor of the width' };

const bertConfig: z.ZodType<BertConfig> = z
  .object({
    vocabSize: count,
    hiddenSize: count,
    layers: count,
    heads: count,
    intermediateSize: count,
    maxPositions: count,
    segments: count,
    dropout: z.number().min(0).lt(1),
  })
  .refine(({ hiddenSize, heads }) => hiddenSize % heads === 0, HEADS);

const clipVisionConfig: z.ZodType<ClipVisionConfig> = z
  .object({
    imageSize: count,
    patchSize: count,
    width: count,
    layers: count,
    heads: count,
    intermediateSize: count,
    activation: z.enum(['erf', 'quick']).exactOptional(),
    projection: count.exactOptional(),
  })
  .refine(({ width, heads }) => width % heads === 0, HEADS);

const pretrained = z.object({
  kind: z.literal('pretrained'),
  ...architecture,
  tasks: tasksSchema,
  views: viewsSchema.default({}),
});

const clip = z.object({
  kind: z.literal('clip'),
  version,
  temperature: z.union([z.number().positive(), z.literal('learned')]),
  normalize: z.boolean(),
  vision: clipVisionConfig,
  text: bertConfig,
});

const category = z.object({
  kind: z.literal('category'),
  ...finetuned,
  /** In the order of the outputs. */
  classes: z.array(z.string()).readonly(),
  /** Predictions in favour of rare categories: how strongly, and how many videos each category had. */
  rareClass: z.object({ strength: z.number().min(0), counts: z.array(z.number()).readonly() }).optional(),
});

const similarity = z.object({ kind: z.literal('similarity'), ...finetuned });

const tags = z.object({
  kind: z.literal('tags'),
  ...finetuned,
  head: head.extend({
    /** Width of a dense layer before the last one. */
    hidden: count.nullable().default(null),
    activation: z.enum(['relu']).nullable().default(null),
  }),
  /** In the order of the outputs. */
  tags: z.array(z.string()).readonly(),
  /** From which probability on a video has each tag; none of a checkpoint in training: 1/2. */
  thresholds: z.array(z.number()).readonly().default([]),
});

/** What `config.json` of a checkpoint holds. */
export const savedModelSchema = z.discriminatedUnion('kind', [pretrained, clip, category, similarity, tags]);

/** Of a pretraining: an encoder, and the heads of its tasks. */
export type SavedPretrained = z.output<typeof pretrained>;
/** Of the CLIP stage: a vision tower and a text tower. */
export type SavedClip = z.output<typeof clip>;
/** Of category finetuning: an encoder and a head over categories. */
export type SavedCategory = z.output<typeof category>;
/** Of similarity finetuning: an encoder and a head that embeds. */
export type SavedSimilarity = z.output<typeof similarity>;
/** Of tag finetuning: an encoder and a head over tags, with their thresholds. */
export type SavedTags = z.output<typeof tags>;

/** A trained model as the `config.json` beside its weights describes it. */
export type SavedModel = SavedPretrained | SavedClip | SavedCategory | SavedSimilarity | SavedTags;
export type SavedModelKind = SavedModel['kind'];

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
