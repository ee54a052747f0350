import { z } from 'zod';
import { loop, rule } from './training-schema.js';

const count = (smallest = 1) => z.int().min(smallest);
const share = z.number().min(0).lt(1);
const split = z.string().regex(/^[\w-]+$/, 'the name of a split, such as labeled');

/** Parameters moved against the loss before a second gradient; a pattern that matches nothing is an error. */
const adversarial = z.strictObject({
  kind: z.enum(['none', 'fgm', 'pgd']).default('none'),
  /** WBDC: the word embeddings. */
  pattern: z.string().min(1).default('encoder.**.word'),
  /** Length of the move; for pgd of all its steps together. */
  epsilon: z.number().positive().default(1),
  /** pgd: steps, and the length of each. */
  steps: count().default(3),
  alpha: z.number().positive().default(0.3),
});

/** Where the labels of pairs stand. */
const pairs = z.strictObject({
  /** label.tsv of the AIAC layout: id1, id2 and score, tabs between. */
  train: z.string().min(1),
  /** Pairs of videos of data.heldOutSplits, to measure on. */
  heldOut: z.string().min(1).optional(),
});

/** Finetuning of the video-text model. */
export const finetuneSchema = z.strictObject({
  /** WBDC 2022: a category for every video. QQ AIAC 2021: embeddings whose cosine ranks like human similarity. */
  kind: z.enum(['category', 'similarity']).default('category'),
  /** `pretrain`: what this run pretrained; `none`: fresh weights, or model.init; else a checkpoint's folder. */
  init: z.string().min(1).default('pretrain'),
  /** Splits with labels, among data.trainSplits. */
  splits: z.array(split).min(1).default(['labeled']),
  pooling: z.enum(['mean', 'attention', 'cls', 'both']).default('mean'),
  /** Similarity: width of the embedding. AIAC allows 256. */
  width: count().max(256).default(256),
  /** Before the last layer. */
  dropout: share.default(0.1),
  /** Draws of multi-sample dropout. */
  samples: count().default(1),
  /** Category. WBDC: 0.1. */
  labelSmoothing: share.default(0.1),
  /** Category: weight of R-Drop; 0 leaves it out. */
  rDrop: z.number().min(0).default(0),
  adversarial: adversarial.prefault({}),
  /** Decay of averaged weights, such as 0.999, which are then the ones measured and used; null takes the last weights. */
  ema: share.nullable().default(null),
  /** Each layer of the text's BERT learns with this share of the rate of the one above it. Takes those parameters before `rules`. */
  layerwiseDecay: z
    .strictObject({ decay: z.number().positive().max(1), learningRate: z.number().positive().max(1).default(5e-5) })
    .nullable()
    .default(null),
  /** Category: learns from all but one of so many folds, stratified by class, and measures on that; null learns from all. */
  folds: count(2).nullable().default(null),
  fold: count(0).default(0),
  /** Category: predicted probabilities times this / count + 1, in favour of rare classes; other teams took 10. 0: as they are. */
  rareClass: z.number().min(0).default(0),
  /** Similarity: null takes the pairs of the embedded data set. */
  pairs: pairs.nullable().default(null),
  /** Similarity: no video on both sides, or AIAC's own rule (ids that are multiples of 5), by which videos leak. */
  split: z.enum(['video-disjoint', 'official']).default('video-disjoint'),
  /** Similarity, video-disjoint: share of the videos held out; 0 learns from all pairs. */
  share: share.default(0.2),
  /** Similarity: ranks of the scores, brought to 0..1, or the scores themselves. */
  labels: z.enum(['rank', 'raw']).default('rank'),
  ...loop,
  batchSize: count().default(32),
  epochs: count().default(5),
  warmup: share.default(0.1),
  /** Of parameters that no rule covers. WBDC: 5e-4 for new layers; QQ: 5e-5. */
  learningRate: z.number().positive().max(1).default(5e-4),
  /** WBDC 5e-5 for BERT, QQ 1e-5. */
  rules: z.array(rule).default([{ pattern: 'encoder.bert.**', learningRate: 5e-5 }]),
});
