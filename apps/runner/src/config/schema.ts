import { z } from 'zod';
import { divisibleHeads } from './sizes.js';
import { clipSchema, trainSchema } from './training-schema.js';

const count = (smallest = 1) => z.int().min(smallest);
const share = z.number().min(0).max(1);
const weight = z.number().min(0);
const field = z.enum(['title', 'ocr', 'asr']);
const split = z.string().regex(/^[\w-]+$/, 'the name of a split, such as unlabeled');

const run = z.strictObject({
  /** Names the folder of everything this run makes: <folder>/<name>/<stage>. */
  name: z
    .string()
    .regex(/^[\w][\w.-]*$/, 'a folder name of letters, digits, dots, dashes and underscores')
    .default('run'),
  folder: z.string().min(1).default('runs'),
});

const data = z.strictObject({
  /** A folder in the official WBDC layout; null builds the embedded emoji data set. */
  folder: z.string().min(1).nullable().default(null),
  /** Width and height in pixels of the embedded data set's frames. */
  imageSize: count(16).max(1024).default(96),
  /** Most skin variants per unlabelled item of the embedded data set. */
  variants: count(0).max(25).default(5),
  /** Splits to learn from; every title in them is read, labels are not. */
  trainSplits: z.array(split).min(1).default(['unlabeled', 'labeled']),
  /** Splits to measure on, never learned from. */
  heldOutSplits: z.array(split).min(1).default(['test_a']),
  /** Bad records (a broken zip, a wrong field) are skipped and counted up to this share; above it they are an error. */
  maxBadShare: share.default(0.001),
});

const vocab = z.strictObject({
  /** Most entries of the vocabulary. BERT-base-chinese has 21128. */
  size: count(16).default(21128),
  /** A word piece must occur this often. */
  minFrequency: count().default(2),
});

const text = z
  .strictObject({
    /** In the order of the token row. WBDC: title, ocr, asr; QQ: title. */
    fields: z.array(field).min(1).default(['title', 'ocr', 'asr']),
    /** Most tokens of a row, special tokens included. WBDC 256; QQ 39 (36 of the title). */
    budget: count(4).default(256),
    /** Most tokens of single fields. */
    limits: z
      .strictObject({ title: count().optional(), ocr: count().optional(), asr: count().optional() })
      .prefault({}),
    /** QQ's layout: [CLS] [SEP] title [SEP]. */
    separatorFirst: z.boolean().default(false),
  })
  .refine((layout) => new Set(layout.fields).size === layout.fields.length, {
    path: ['fields'],
    error: 'expected every field once',
  });

const frames = z.strictObject({
  /** Most frames of a video; of more, training draws a sorted random subset and evaluation an even stride. Both originals: 32. */
  limit: count().max(1024).default(32),
});

const features = z.strictObject({
  /** Images that pass through the vision tower at once. */
  batchSize: count().default(64),
});

const model = z
  .strictObject({
    /** D. BERT-base 768 (WBDC), BERT-large 1024 (QQ). */
    width: count().default(768),
    layers: count().default(12),
    heads: count().default(12),
    /** Width of the feed-forward layers; null is 4 D, as in BERT. */
    intermediate: count().nullable().default(null),
    dropout: z.number().min(0).lt(1).default(0.1),
    /** Most text positions. */
    maxPositions: count().default(512),
  })
  .superRefine(divisibleHeads);

const sharedView = { view: z.string().min(1).default('masked'), weight: weight.default(1) };

/** Objectives by name. Those with the same view share one corrupted copy of the batch, hence one encoder pass; null drops one. */
const tasks = z
  .strictObject({
    mlm: z
      .strictObject({
        ...sharedView,
        /** QQ 0.15 (job 6: 0.25), WBDC 0.30. */
        probability: share.default(0.15),
        /** Only these fields are masked; null masks all. WBDC masked the title. */
        fields: z.array(field).min(1).nullable().default(null),
      })
      .nullable()
      .prefault({}),
    mfm: z
      .strictObject({
        ...sharedView,
        /** QQ 0.15 (job 6: 0.25). */
        probability: share.default(0.15),
        /** Compare unit vectors; the originals compared raw features. */
        normalize: z.boolean().default(true),
        /** Divides the similarities: about 0.07 for unit vectors, 1 in the originals. */
        temperature: z.number().positive().default(0.07),
      })
      .nullable()
      .prefault({}),
    tag: z
      .strictObject({
        ...sharedView,
        /** The most frequent tags; QQ took 10,000. */
        count: count().default(10000),
        /** A tag must occur this often in the training splits. */
        minFrequency: count().default(2),
      })
      .nullable()
      .prefault({}),
  })
  .refine((all) => Object.values(all).some((task) => task !== null && task.weight > 0), {
    error: 'expected at least one task with a weight above 0',
  });

/** Every setting of the runner, with its default. Published values are cited where they differ between the two systems. */
export const configSchema = z
  .strictObject({
    run: run.prefault({}),
    /** Decides every random choice: weights, order, masks, dropout. */
    seed: count(0).default(1),
    engine: z.enum(['auto', 'ort', 'cpu', 'tensorflow']).default('auto'),
    /** Threads of the engine; null takes one per core. */
    threads: count().nullable().default(null),
    data: data.prefault({}),
    vocab: vocab.prefault({}),
    text: text.prefault({}),
    frames: frames.prefault({}),
    clip: clipSchema.prefault({}),
    features: features.prefault({}),
    model: model.prefault({}),
    tasks: tasks.prefault({}),
    train: trainSchema.prefault({}),
  })
  .superRefine((config, context) => {
    if (config.text.budget > config.model.maxPositions) {
      const message = `expected at most model.maxPositions (${config.model.maxPositions}), got ${config.text.budget}`;
      context.addIssue({ code: 'custom', path: ['text', 'budget'], message });
    }
    const both = config.data.trainSplits.find((name) => config.data.heldOutSplits.includes(name));
    if (both !== undefined) {
      const message = `expected none of data.trainSplits, got '${both}' in both: measuring on what was learned proves nothing`;
      context.addIssue({ code: 'custom', path: ['data', 'heldOutSplits'], message });
    }
  });

export type Config = z.output<typeof configSchema>;
export type TaskName = keyof Config['tasks'];
export type TaskConfig<Name extends TaskName> = NonNullable<Config['tasks'][Name]>;
