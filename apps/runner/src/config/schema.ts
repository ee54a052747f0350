import { DEFAULT_CLEANING } from '@wbdc/data';
import { z } from 'zod';
import { finetuneProblems, finetuneSchema } from './finetune-schema.js';
import { modelSchema } from './model-schema.js';
import { tasksSchema, VIEWS, viewsSchema } from './tasks-schema.js';
import { clipSchema, trainSchema } from './training-schema.js';

const count = (smallest = 1) => z.int().min(smallest);
const share = z.number().min(0).max(1);
const field = z.enum(['title', 'ocr', 'asr']);
const split = z.string().regex(/^[\w-]+$/, 'the name of a split, such as unlabeled');

const run = z.strictObject({
  /** Names the folder of everything this run makes: <folder>/<name>/<stage>. */
  name: z
    .string()
    .regex(/^[\w][\w.-]*$/, 'a folder name of letters, digits, dots, dashes and underscores')
    .default('run'),
  folder: z.string().min(1).default('runs'),
  /** Another run whose stages are read where this one has none of its own: one data set and its features for several trainings. */
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
   * What the folder holds. wbdc: annotations/<split>.json and zip_frames/. aiac: <split>/*.tfrecord(s), plain or GZIP, with
   * frame features inside; label.tsv, tag_list.txt.
   */
  layout: z.enum(['wbdc', 'aiac']).default('wbdc'),
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
  /** Takes the vocabulary of a published model instead of training one: a folder with vocab.txt or tokenizer.json, or a name on the hub. */
  folder: z.string().min(1).optional(),
  /** Most entries of the vocabulary. BERT-base-chinese has 21128. */
  size: count(16).default(21128),
  /** A word piece must occur this often. */
  minFrequency: count().default(2),
});

/** What is done to dirty texts before they are tokenised, here, in the vocabulary and in predictions; null leaves them. `{}` does all. */
const cleaning = z
  .strictObject({
    /** NFKC makes full-width letters and digits plain. */
    unicode: z.enum(['NFKC', 'NFC', 'keep']).default(DEFAULT_CLEANING.unicode),
    /** Control, format and private-use characters become blanks. */
    dropControls: z.boolean().default(DEFAULT_CLEANING.dropControls),
    dropLinks: z.boolean().default(DEFAULT_CLEANING.dropLinks),
    /** Longest run of one character; 0 leaves runs alone. */
    maxRun: count(0).default(DEFAULT_CLEANING.maxRun),
    /** A caption that stands in many frames counts once. */
    dropRepeatedOcr: z.boolean().default(DEFAULT_CLEANING.dropRepeatedOcr),
    /** Characters of a field that are looked at. */
    maxCharacters: count().default(DEFAULT_CLEANING.maxCharacters),
  })
  .nullable()
  .default(null);

/** How texts become a row of tokens. */
export const textSchema = z
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
    cleaning,
  })
  .refine((layout) => new Set(layout.fields).size === layout.fields.length, {
    path: ['fields'],
    error: 'expected every field once',
  });

const frames = z.strictObject({
  /** Most frames of a video. Both originals: 32. */
  limit: count().max(1024).default(32),
  /**
   * Which of more are taken. random: a sorted random subset in training, an even stride in evaluation (WBDC); even: that
   * stride always; aiac: round((i + 0.5) (n - 1) / limit) always.
   */
  choice: z.enum(['random', 'even', 'aiac']).default('random'),
});

const sampling = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('all') }),
  z.strictObject({ kind: z.literal('even'), limit: count() }),
  z.strictObject({ kind: z.literal('random'), limit: count(), seed: count(0).default(1) }),
]);

const features = z.strictObject({
  /** Images that pass through the vision tower at once. */
  batchSize: count().default(64),
  /** The tower of a published CLIP, such as openai/clip-vit-base-patch32, as it is; null takes that of the clip stage. */
  tower: z.string().min(1).nullable().default(null),
  /** pooled: the class token after the last normalisation; projected: in the space shared with text. */
  output: z.enum(['pooled', 'projected']).default('pooled'),
  /** What pixels are normalised by. CLIP's own; WBDC's original took ImageNet's. */
  statistics: z.enum(['clip', 'imagenet']).default('clip'),
  /** pillow: to the bit as CLIPImageProcessor does; fast: sharp's, 0.3 of 255 away on average, 13 at most. */
  resizer: z.enum(['pillow', 'fast']).default('pillow'),
  /** Which frames get features: all, evenly or randomly at most so many. */
  sampling: sampling.default({ kind: 'all' }),
  /** Threads that decode pictures; null takes half of the processors, 8 at most. */
  decodeThreads: count().nullable().default(null),
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
    /** In what matrices are multiplied. bf16: engine tensorflow, on a processor or GPU that is faster at it. */
    precision: z.enum(['fp32', 'bf16']).default('fp32'),
    data: data.prefault({}),
    vocab: vocab.prefault({}),
    text: textSchema.prefault({}),
    frames: frames.prefault({}),
    clip: clipSchema.prefault({}),
    features: features.prefault({}),
    model: modelSchema.prefault({}),
    tasks: tasksSchema.prefault({}),
    views: viewsSchema.prefault({}),
    train: trainSchema.prefault({}),
    finetune: finetuneSchema.prefault({}),
  })
  .superRefine((config, context) => {
    const report = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    const { text, model, data, tasks, views } = config;
    if (text.budget > model.maxPositions) {
      report(['text', 'budget'], `expected at most model.maxPositions (${model.maxPositions}), got ${text.budget}`);
    }
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
    const used = Object.values(tasks).flatMap((task) => (task === null ? [] : [task.view]));
    const known = [...new Set([...used, ...VIEWS])]; // those of dropped tasks too: dropping one is one change
    for (const name of Object.keys(views).filter((view) => !known.includes(view))) {
      report(['views', name], `expected the view of a task (${known.join(', ')}), got '${name}'`);
    }
  });

export type Config = z.output<typeof configSchema>;
export type TaskName = keyof Config['tasks'];
export type TaskConfig<Name extends TaskName> = NonNullable<Config['tasks'][Name]>;
