import {
  clipSchema,
  corpusSchema,
  featuresSchema,
  finetuneProblems,
  finetuneSchema,
  framesSchema,
  modelSchema,
  pretrainProblems,
  tasksSchema,
  textSchema,
  trainSchema,
  viewsSchema,
  vocabSchema,
} from '@wbdc/pipeline/settings';
import { z } from 'zod';

const count = (smallest = 1) => z.int().min(smallest);
const share = z.number().min(0).max(1);
const split = z.string().regex(/^[\w-]+$/, 'the name of a split, such as unlabeled');

const run = z.strictObject({
  /** Names the folder of everything this run makes: <folder>/<name>/<stage>. */
  name: z
    .string()
    .regex(/^[\w][\w.-]*$/, 'a folder name of letters, digits, dots, dashes and underscores')
    .default('run'),
  folder: z.string().min(1).default('runs'),
  /**
   * Another run whose stages are read where this one has none of its own: one data set and its features for several
   * trainings.
   */
  base: z
    .string()
    .regex(/^[\w][\w.-]*$/, 'the name of a run')
    .nullable()
    .default(null),
});

const data = z.strictObject({
  /** A folder in an official layout; null builds the embedded emoji data set. */
  folder: z.string().min(1).nullable().default(null),
  /**
   * What the folder holds. wbdc: annotations/<split>.json and zip_frames/. aiac: <split>/*.tfrecord(s), plain or GZIP,
   * with frame features inside; label.tsv, tag_list.txt.
   */
  layout: z.enum(['wbdc', 'aiac']).default('wbdc'),
  /** Width and height in pixels of the embedded data set's frames. */
  imageSize: count(16).max(1024).default(96),
  /** Which embedded data set: text adds a corpus, large 9,500 videos too, from a package that is fetched once. */
  set: z.enum(['demo', 'text', 'large']).default('demo'),
  /** Most skin variants per unlabelled item of the embedded data set. */
  variants: count(0).max(25).default(5),
  /** Splits to learn from; every title in them is read, labels are not. */
  trainSplits: z.array(split).min(1).default(['unlabeled', 'labeled']),
  /** Splits to measure on, never learned from. */
  heldOutSplits: z.array(split).min(1).default(['test_a']),
  /** Bad records (a broken zip, a wrong field) are skipped and counted up to this share; above it they are an error. */
  maxBadShare: share.default(0.001),
});

/**
 * Every setting of the runner, with its default. Published values are cited where they differ between the two systems.
 */
export const configSchema = z
  .strictObject({
    run: run.prefault({}),
    /** Decides every random choice: weights, order, masks, dropout. */
    seed: count(0).default(1),
    engine: z.enum(['auto', 'ort', 'cpu', 'tensorflow', 'webgpu']).default('auto'),
    /** What ONNX Runtime computes features, predictions and embeddings on; null leaves that to the engine. */
    provider: z.enum(['cpu', 'webgpu']).nullable().default(null),
    /** Threads of the engine; null takes one per core. */
    threads: count().nullable().default(null),
    /** In what matrices are multiplied. bf16: engine tensorflow, where it is faster; fp16: webgpu, the loss scaled. */
    precision: z.enum(['fp32', 'bf16', 'fp16']).default('fp32'),
    data: data.prefault({}),
    vocab: vocabSchema.prefault({}),
    text: textSchema.prefault({}),
    frames: framesSchema.prefault({}),
    clip: clipSchema.prefault({}),
    features: featuresSchema.prefault({}),
    model: modelSchema.prefault({}),
    /** What the text side reads first, in a stage of its own; null leaves that out. */
    corpus: corpusSchema.nullable().default(null),
    tasks: tasksSchema.prefault({}),
    views: viewsSchema.prefault({}),
    train: trainSchema.prefault({}),
    finetune: finetuneSchema.prefault({}),
  })
  .superRefine((config, context) => {
    const report = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    const { data } = config;
    for (const { path, message } of pretrainProblems(config)) report(path, message);
    const both = data.trainSplits.find((name) => data.heldOutSplits.includes(name));
    if (both !== undefined) {
      const why = 'measuring on what was learned proves nothing';
      report(['data', 'heldOutSplits'], `expected none of data.trainSplits, got '${both}' in both: ${why}`);
    }
    if (data.layout === 'aiac' && data.folder === null) {
      report(['data', 'folder'], 'expected the folder of the data in the AIAC layout, got null');
    }
    if (config.features.statistics !== 'clip' && config.features.tower === null) {
      const why = 'the tower of the clip stage has learned from pixels normalised so';
      report(
        ['features', 'statistics'],
        `expected clip where features.tower is null, got ${config.features.statistics}: ${why}`,
      );
    }
    for (const { path, message } of finetuneProblems(config)) report(['finetune', ...path], message);
  });

export type Config = z.output<typeof configSchema>;
