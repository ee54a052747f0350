import { z } from 'zod';

const share = z.number().min(0).max(1);
const field = z.enum(['title', 'ocr', 'asr']);

/** The corrupted copies of a batch that the tasks have unless they are given others. */
export const VIEWS = ['exchanged', 'masked', 'plain', 'onesided'] as const;

/** A task's weight in the loss, and which corrupted copy of the batch it works on. */
const common = (view: (typeof VIEWS)[number]) => ({
  view: z.string().min(1).default(view),
  weight: z.number().min(0).default(1),
});

/** How predicted frames are compared with real ones. The originals compared raw features without a temperature. */
const similarity = {
  /** Compare unit vectors. */
  normalize: z.boolean().default(true),
  /** Divides the similarities: about 0.07 for unit vectors, 1 in the originals. */
  temperature: z.number().positive().default(0.07),
};

const tokenPrior = {
  /**
   * frequency: the decoder's bias starts where it gives tokens as often as the texts have them, which serves fresh
   * weights; null: at 0.
   */
  prior: z.enum(['frequency']).nullable().default(null),
};

/** Objectives that texts without frames have too. */
export const objectives = {
  mlm: z.strictObject({
    ...common('masked'),
    probability: share.default(0.15),
    /** Only these fields are masked; null masks all. */
    fields: z.array(field).min(1).nullable().default(null),
    wholeWord: z.boolean().default(false),
    ...tokenPrior,
  }),
  ftc: z.strictObject({
    ...common('plain'),
    /** The field that stands alone. */
    field: field.default('title'),
    /** What stands for each half: the state of [CLS], or the mean over its tokens and frames (WBDC). */
    pooling: z.enum(['cls', 'mean']).default('cls'),
    /** The losses of the two directions: their mean, or their sum (WBDC). */
    reduction: z.enum(['mean', 'sum']).default('mean'),
    /** null learns it, from 0.07; WBDC's is 1. */
    temperature: z.number().positive().nullable().default(null),
    /** Compare unit vectors, as WBDC did. */
    normalize: z.boolean().default(true),
    /** Earlier batches whose titles are further wrong answers. They are encoded anew in the same pass. */
    queue: z.int().min(0).max(64).default(0),
  }),
};

/**
 * Objectives by name; null drops one. Those of the same view share one corrupted copy of the batch, hence one encoder
 * pass. QQ: tag x 1250/3 + mlm / 3.75 + mfm / 9 in one view; WBDC: mlm 1, mfm 1/2, ftm 1, ftc 1, mmm 1.
 */
export const tasksSchema = z
  .strictObject({
    /** Frame-text match: the frames of some videos are exchanged. */
    ftm: z
      .strictObject({
        ...common('exchanged'),
        probability: share.default(0.5),
        negatives: z.enum(['random', 'hard']).default('random'),
        /** What the head reads: the state of [CLS], or the mean of the text times that of the frames. */
        pooling: z.enum(['cls', 'product']).default('cls'),
      })
      .nullable()
      .default(null),
    /** Masked language model. QQ masked 0.15 (job 6: 0.25), WBDC 0.30 of the title. */
    mlm: objectives.mlm.nullable().prefault({}),
    /** Masked frame model. QQ masked 0.15 (job 6: 0.25). */
    mfm: z
      .strictObject({
        ...common('masked'),
        probability: share.default(0.15),
        ...similarity,
        /**
         * Where the layers before the output start: `fresh`, or `mlm`: at the values of the masked language model's
         * head, which is a published BERT's where model.init names one.
         */
        start: z.enum(['fresh', 'mlm']).default('fresh'),
        /** Earlier batches whose frames are further wrong answers, here and for mmm. */
        queue: z.int().min(0).max(64).default(0),
      })
      .nullable()
      .prefault({}),
    /** Frame-text contrastive: the title alone against frames and the other texts. */
    ftc: objectives.ftc.nullable().default(null),
    /**
     * Mask modality: all frames or all text of a video. WBDC gave it a quarter of the batch: views: {onesided:
     * {share: 0.25}}.
     */
    mmm: z
      .strictObject({
        ...common('onesided'),
        frameWeight: z.number().min(0).default(0.5),
        /** own, or shared: those of mlm and mfm, which must be there too (WBDC). */
        heads: z.enum(['own', 'shared']).default('own'),
        ...similarity,
        ...tokenPrior,
      })
      .nullable()
      .default(null),
    /** Tag classification over the most frequent tags; QQ took 10,000. */
    tag: z
      .strictObject({
        ...common('masked'),
        /**
         * What is told: a video's tags, each a question of its own, or its category, one of all: WBDC 2022's class
         * head, whose weight was 3. Videos without a category are left out.
         */
        of: z.enum(['tags', 'category']).default('tags'),
        count: z.int().min(1).default(10000),
        /** A tag must occur this often in the training splits. */
        minFrequency: z.int().min(1).default(2),
        /** What the head reads: the state of [CLS], or the mean over tokens and frames (QQ's job 2). */
        pooling: z.enum(['cls', 'mean']).default('cls'),
        /** Width of a layer before the output; null leaves it out. QQ's jobs 2 and 3: 256. */
        hidden: z.int().min(1).nullable().default(null),
        /** Before the output: relu (QQ), or null for nothing. */
        activation: z.enum(['relu']).nullable().default(null),
        /**
         * The share of the tags that a video is taken to have at the start; null is 1/2. From fresh weights, about
         * tags per video / count.
         */
        prior: z.number().gt(0).lt(1).nullable().default(null),
      })
      .nullable()
      .prefault({}),
  })
  .refine((all) => Object.values(all).some((task) => task !== null && task.weight > 0), {
    error: 'expected at least one task with a weight above 0',
  });

/** The videos of a batch that a view takes; all of them where nothing is said. */
export const viewsSchema = z.record(
  z.string(),
  z
    .strictObject({
      share: z.number().positive().max(1).default(1),
      /**
       * null draws the videos for this view alone. Views with a number take their shares of one shuffled batch, from
       * this place on. WBDC: {onesided: {share: 0.25, from: 0}, masked: {share: 0.75, from: 0.25}}.
       */
      from: z.number().min(0).lt(1).nullable().default(null),
    })
    .refine(({ share: part, from }) => from === null || from + part <= 1 + 1e-9, {
      path: ['from'],
      error: 'expected from and share together at most 1',
    }),
);

export type TaskSettings = z.output<typeof tasksSchema>;
export type ViewSettings = z.output<typeof viewsSchema>;
export type TaskName = keyof TaskSettings;
export type TaskConfig<Name extends TaskName> = NonNullable<TaskSettings[Name]>;
