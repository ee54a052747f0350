import { z } from 'zod';
import type { Problem } from './problem.js';
import { loop, rule, stopsInTime } from './training.js';

const count = (smallest = 1) => z.int().min(smallest);
const share = z.number().min(0).lt(1);
const split = z.string().regex(/^[\w-]+$/, 'the name of a split, such as labeled');

/** Parameters moved against the loss before a second gradient; a pattern that matches nothing is an error. */
const adversarial = z
  .strictObject({
    /** fgm: one step; pgd: several; awp: of the weights, and trains with the gradient found there alone. */
    kind: z.enum(['none', 'fgm', 'pgd', 'awp']).default('none'),
    /** null: the word embeddings (as WBDC) for fgm and pgd, all weights of the encoder for awp. */
    pattern: z.string().min(1).nullable().default(null),
    /**
     * Length of the move, of pgd's steps together; for awp a share of each parameter's own. null: 1, for awp 0.005.
     */
    epsilon: z.number().positive().nullable().default(null),
    /** pgd and awp: steps. null: 3, for awp 1. */
    steps: count().nullable().default(null),
    /** pgd and awp: length of each. null: 0.3, for awp epsilon / steps. */
    alpha: z.number().positive().nullable().default(null),
  })
  .superRefine(({ kind, epsilon }, context) => {
    if (kind !== 'awp' || epsilon === null || epsilon < 1) return;
    const message = `expected a share of each parameter's length, such as 0.005, for awp, got ${epsilon}`;
    context.addIssue({ code: 'custom', path: ['epsilon'], message });
  });

/** An ensemble teaches on videos without labels. */
const distill = z
  .strictObject({
    /** Folders of finetune stages that predicted the splits (finetune.predict): runs/<name>/finetune. */
    from: z.array(z.string().min(1)).min(1),
    /** How much each counts in the mean of their probabilities; null: all the same. WBDC: 1, 1, 0.7, 1. */
    weights: z.array(z.number().min(0)).min(1).nullable().default(null),
    /** Among data.trainSplits. Videos with a category_id keep it. */
    splits: z.array(split).min(1).default(['unlabeled']),
    /** soft: the probabilities themselves; hard: the most probable class (pseudo-labels). */
    labels: z.enum(['soft', 'hard']).default('soft'),
    /** Videos whose most probable class has less than this are left out. */
    minConfidence: share.default(0),
    /** How much such a video counts in the loss, a labelled one being 1. */
    weight: z.number().positive().default(1),
  })
  .superRefine(({ from, weights }, context) => {
    if (weights === null || weights.length === from.length) return;
    const message = `expected one for each of finetune.distill.from (${from.length}), got ${weights.length}`;
    context.addIssue({ code: 'custom', path: ['weights'], message });
  });

/** The vision tower of the features, trained end to end: frames are read as pictures. */
export const finetuneVisionSchema = z.strictObject({
  /** WBDC: 1e-5, of the last layers alone 5e-6. */
  learningRate: z.number().positive().max(1).default(1e-5),
  /** Trains so many last layers alone, the rest keeps its values; null trains all. WBDC's second model: 3. */
  lastLayers: count().nullable().default(null),
  /**
   * In training a random square of the resized picture, mirrored half of the time, in place of the centred one
   * (WBDC).
   */
  augment: z.boolean().default(false),
  /** Most frames of a video; null is frames.limit. Time and memory grow with them. */
  frames: count().nullable().default(null),
});

/**
 * What a head reads of an encoder: `mean` over tokens and frames, `attention` over them, the state of [CLS], or two
 * means.
 */
export const poolingSchema = z.enum(['mean', 'attention', 'cls', 'both']);

/** What scores positions in attention pooling. */
export const attentionSchema = z.enum(['linear', 'tanh']);

/** Tags, each a question of its own. */
const tags = z.strictObject({
  /**
   * `pretrain`: the tags and the head of the pretraining that it starts from, in their form (tasks.tag); `fresh`: the
   * most frequent tags of the videos to learn from, and a new head on finetune.pooling.
   */
  head: z.enum(['pretrain', 'fresh']).default('pretrain'),
  /** Of a fresh head: so many tags. */
  count: count().default(10_000),
  /** Of a fresh head: tags of fewer videos are left out. */
  minFrequency: count().default(2),
  /** bce: binary cross entropy; asl: the asymmetric loss (arXiv 2009.14119), for many tags of which few are true. */
  loss: z.enum(['bce', 'asl']).default('bce'),
  /** asl: focusing of tags that a video has. */
  gammaPositive: z.number().min(0).default(0),
  /** asl: focusing of tags that it has not. */
  gammaNegative: z.number().min(0).default(4),
  /** asl: probabilities of tags that it has not count from here on. */
  clip: share.default(0.05),
});

/** Where the labels of pairs stand. */
const pairs = z.strictObject({
  /** label.tsv of the AIAC layout: id1, id2 and score, tabs between. */
  train: z.string().min(1),
  /** Pairs of videos of data.heldOutSplits, to measure on. */
  heldOut: z.string().min(1).optional(),
});

/** Where wrong answers come from that are hard to tell from right ones. */
const mined = z.strictObject({
  /** An index with the videos to learn from (wbdc index add): a folder, or s3://, gs://, az://. */
  index: z.string().min(1),
  /** What the vectors are called in it. */
  as: z.string().min(1).default('video'),
  /** Of each pair. */
  count: count().default(4),
  /** The most similar ones are passed over, for they may be right answers that nobody has clicked. */
  skip: count(0).default(0),
  /** How much less similar than its right answer a negative has to be, as a share of that cosine. */
  margin: share.default(0.05),
  /** Neighbours that are looked at. */
  candidates: count().default(50),
});

/** Finetuning of the video-text model. */
export const finetuneSchema = z
  .strictObject({
    /**
     * WBDC 2022: a category for every video. QQ AIAC 2021: embeddings whose cosine ranks like human similarity. tags:
     * any number of tags, with a threshold for each.
     */
    kind: z.enum(['category', 'similarity', 'tags']).default('category'),
    /**
     * `pretrain`: what this run pretrained; `text`: the text side alone, as it has read the corpus; `none`: fresh
     * weights, or model.init; else a model: a run (its pretraining), a stage, a checkpoint, or hub:owner/name.
     */
    init: z.string().min(1).default('pretrain'),
    /** Splits with labels, among data.trainSplits. */
    splits: z.array(split).min(1).default(['labeled']),
    /** Trains the vision tower too; null reads stored features. */
    vision: finetuneVisionSchema.nullable().default(null),
    pooling: poolingSchema.default('mean'),
    /**
     * Of attention pooling, what scores positions: Linear(D, 1), or Linear(D, D), tanh, Linear(D, 1) (QQ's jobs 4,
     * 5).
     */
    attention: attentionSchema.default('linear'),
    /**
     * Similarity: where the layer that embeds starts: fresh, or `tag`: at the hidden layer of the pretraining's tags
     * (tasks.tag with pooling mean and hidden of finetune.width: QQ's jobs 2 and 3).
     */
    embedding: z.enum(['fresh', 'tag']).default('fresh'),
    /** Similarity: width of the embedding. AIAC allows 256. */
    width: count().max(256).default(256),
    /** Before the last layer. */
    dropout: share.default(0.1),
    /** Draws of multi-sample dropout, whose losses are averaged. */
    samples: count().default(1),
    /** Category. WBDC: 0.1. */
    labelSmoothing: share.default(0.1),
    /** Weight of R-Drop (of cosines: the squared difference of two passes); 0 leaves it out. */
    rDrop: z.number().min(0).default(0),
    adversarial: adversarial.prefault({}),
    /**
     * Decay of averaged weights, such as 0.999, which are then the ones measured and used; null takes the last
     * weights.
     */
    ema: share.nullable().default(null),
    /**
     * Each layer of the text's BERT learns with this share of the rate of the one above it, its embeddings with one
     * share less. Takes those parameters before `rules`.
     */
    layerwiseDecay: z
      .strictObject({ decay: z.number().positive().max(1), learningRate: z.number().positive().max(1).default(5e-5) })
      .nullable()
      .default(null),
    /**
     * Ends with the mean of the weights of so many best measurements; null ends with the last. evaluateEvery says how
     * often.
     */
    averageBest: count().nullable().default(null),
    /**
     * Similarity: what the best are chosen by: Spearman, or the mean squared error (QQ, looked at every 500 steps:
     * `averageBest: 1`, `evaluateEvery: 500`).
     */
    bestBy: z.enum(['spearman', 'mse']).default('spearman'),
    /** Patterns of parameters that keep their values. They come before layerwiseDecay and `rules`. */
    freeze: z.array(z.string().min(1)).default([]),
    /**
     * Learns from all but one of so many folds and measures on that: stratified by class, for pairs by their videos.
     * null learns from all (category), or from the split below (similarity).
     */
    folds: count(2).nullable().default(null),
    /** Which fold is held out, from 0; all: one model after another, and their mean. */
    fold: z.union([count(0), z.literal('all')]).default(0),
    tags: tags.prefault({}),
    /** Category: further splits among data.trainSplits to predict, as teachers for finetune.distill. */
    predict: z.array(split).default([]),
    /** Category: learns from an ensemble's predictions too. */
    distill: distill.nullable().default(null),
    /**
     * Category: predicted probabilities times this / count + 1, in favour of rare classes; other teams took 10. 0: as
     * they are.
     */
    rareClass: z.number().min(0).default(0),
    /** Similarity: null takes the pairs of the embedded data set. */
    pairs: pairs.nullable().default(null),
    /** Similarity: no video on both sides, or AIAC's own rule (ids that are multiples of 5), by which videos leak. */
    split: z.enum(['video-disjoint', 'official']).default('video-disjoint'),
    /** Similarity, video-disjoint without folds: share of the videos held out; 0 learns from all pairs. */
    share: share.default(0.2),
    /**
     * Similarity: mse: cosines as their labels are (QQ); cosent: in the order of their labels (kexue.fm/archives/8847),
     * within a batch; negatives: pairs that people clicked find each other among those of their batch, and pairs of
     * score 0 are hard negatives (sentence-transformers' MultipleNegativesRankingLoss).
     */
    loss: z.enum(['mse', 'cosent', 'negatives']).default('mse'),
    /** Similarity, negatives: hard negatives of each pair, where the table has such. */
    hardNegatives: count(0).default(1),
    /** Similarity, negatives: mines further ones from an index before the training. */
    mined: mined.nullable().default(null),
    /** Similarity: ranks of the scores, brought to 0..1, or the scores themselves. */
    labels: z.enum(['rank', 'raw']).default('rank'),
    ...loop,
    batchSize: count().default(32),
    epochs: count().default(5),
    warmup: share.default(0.1),
    /** Of parameters that no rule covers. WBDC: 5e-4 for new layers; QQ: 5e-5. */
    learningRate: z.number().positive().max(1).default(5e-4),
    /** null: 5e-5 for BERT (WBDC; QQ 1e-5), or none beside layerwiseDecay. */
    rules: z.array(rule).nullable().default(null),
  })
  .superRefine(stopsInTime);

export type FinetuneSettings = z.output<typeof finetuneSchema>;

/** What does not go together, by paths below `finetune`. */
export function finetuneProblems({ finetune, frames, data }: Reading): Problem[] {
  const { kind, folds, fold, split: pairSplit, distill: teaching, predict, vision: tower } = finetune;
  const problems: Problem[] = [];
  const report = (key: string, message: string): unknown => problems.push({ path: key.split('.'), message });
  if (fold !== 'all' && fold >= (folds ?? 1)) report('fold', `expected a number below finetune.folds, got ${fold}`);
  if (fold === 'all' && folds === null) report('fold', `expected finetune.folds with 'all', got null`);
  if (finetune.loss === 'negatives' && fold === 'all')
    report('fold', "expected a number with finetune.loss 'negatives', got all");
  if (finetune.mined !== null && (kind !== 'similarity' || finetune.loss !== 'negatives'))
    report('mined', "expected nothing: it is for finetune.kind 'similarity' with finetune.loss 'negatives' alone");
  if (finetune.mined !== null && finetune.mined.candidates < finetune.mined.count + finetune.mined.skip)
    report('mined.candidates', `expected at least count and skip together, got ${finetune.mined.candidates}`);
  if (kind === 'similarity' && folds !== null && pairSplit === 'official') {
    report('folds', `expected null: folds are of videos, and finetune.split is 'official'`);
  }
  if (kind !== 'category') {
    const only = { distill: teaching, predict: predict.length > 0 ? predict : null };
    for (const [key, value] of Object.entries(only)) {
      if (value !== null) report(key, `expected nothing: it is for finetune.kind 'category' alone`);
    }
  }
  if (finetune.embedding === 'tag') {
    const expectTag = (key: string, expected: string, got: unknown): void =>
      void report('embedding', `expected ${key} ${expected} with 'tag', got ${String(got)}`);
    if (kind !== 'similarity') expectTag('finetune.kind', 'similarity', kind);
    if (finetune.pooling !== 'mean') expectTag('finetune.pooling', 'mean', finetune.pooling);
  }
  if (tower !== null && data.layout === 'aiac') {
    report('vision', 'expected null: the records of the AIAC layout hold frame features and no pictures');
  }
  if (tower?.frames != null && tower.frames > frames.limit) {
    report('vision.frames', `expected at most frames.limit (${frames.limit}), got ${tower.frames}`);
  }
  return problems;
}

interface Reading {
  readonly finetune: FinetuneSettings;
  readonly frames: { readonly limit: number };
  readonly data: { readonly layout: 'wbdc' | 'aiac' };
}
