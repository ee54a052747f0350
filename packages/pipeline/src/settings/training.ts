import { z } from 'zod';

const count = (smallest = 1) => z.int().min(smallest);
const rate = z.number().positive().max(1);

/** What every training stage has in common. */
export const loop = {
  batchSize: count().default(128),
  epochs: count().default(40),
  /**
   * Ends after so many epochs, on a schedule of all. WBDC went on from epoch 15 and submitted the weights of epoch 3
   * of 5.
   */
  stopAfter: count().nullable().default(null),
  /** Batches whose gradients are added up before a step. */
  accumulate: count().default(1),
  /** Share of the steps over which the learning rates rise from 0. QQ 0.06, WBDC 0.10. */
  warmup: z.number().min(0).lt(1).default(0.06),
  /** What the learning rates do after that: fall to 0 along a cosine or a line, or stay. Both originals: cosine. */
  schedule: z.enum(['cosine', 'linear', 'constant']).default('cosine'),
  /** Gradients are scaled down to this global norm; null leaves them. */
  clipNorm: z.number().positive().nullable().default(1),
  /** AdamW's decay of weights; biases and normalisations are never decayed. Both originals: 0.01. */
  weightDecay: z.number().min(0).max(1).default(0.01),
  /** AdamW's, added to the root of the second moment. PyTorch's 1e-8; WBDC finetuned with 1e-6. */
  epsilon: z.number().positive().max(1).default(1e-8),
  /** Steps between checkpoints; one more at the end, and one when interrupted. */
  checkpointEvery: count().default(1000),
  /** Steps between measurements on the held-out splits, or `epoch`: after each; one more at the end. */
  evaluateEvery: z.union([count(), z.literal('epoch')]).default(1000),
};

/** What every training has in common, checked. */
export type LoopSettings = Readonly<z.output<z.ZodObject<typeof loop>>>;

/** Refinement of a training: it cannot end behind its schedule. */
export function stopsInTime({ epochs, stopAfter }: LoopSettings, context: z.RefinementCtx): void {
  if (stopAfter === null || stopAfter <= epochs) return;
  const message = `expected at most epochs (${epochs}), got ${stopAfter}`;
  context.addIssue({ code: 'custom', path: ['stopAfter'], message });
}

/** Settings for the parameters whose path matches; the first rule that matches counts. */
export const rule = z.strictObject({
  /** Covers the whole path: `*` one part, `**` any number, `{a,b}` either. Matching nothing is an error. */
  pattern: z.string().min(1),
  learningRate: rate.exactOptional(),
  weightDecay: z.number().min(0).max(1).exactOptional(),
  frozen: z.boolean().exactOptional(),
});

/** Pretraining of the video-text model. */
export const trainSchema = z
  .strictObject({
    /**
     * A checkpoint of a pretraining with the same model and tasks to go on from, with a schedule of its own (QQ's job
     * 4).
     */
    init: z.string().min(1).nullable().default(null),
    /**
     * Splits to learn from; null takes data.trainSplits. Of a held-out split among them the tags are not looked at.
     */
    splits: z.array(z.string()).min(1).nullable().default(null),
    /** Learns from this share of their videos alone, which the seed draws: for curves over the size of the data. */
    share: z.number().positive().max(1).default(1),
    /** Every epoch shuffles all videos, or goes through the splits in turn, each shuffled in itself (QQ's job 5). */
    order: z.enum(['shuffled', 'in-turn']).default('shuffled'),
    /**
     * The tasks' weighted losses: added, or their sum divided by how many tasks ask something of the batch, as in
     * QQ's code, where a batch without tags has one less.
     */
    reduction: z.enum(['sum', 'mean']).default('sum'),
    ...loop,
    /**
     * Measures, as it is, what has been learned on the pairs that finetuning validates on (finetune.pairs, `split`):
     * Spearman of cosines of the mean states, through the tags' hidden layer where that reads them. QQ's authors
     * watched it after each epoch: it rises, then falls while the finetuned result still improves. Nothing is chosen
     * by it.
     */
    zeroShot: z.boolean().default(false),
    /** Of parameters that no rule covers: the new layers. Both originals: 5e-4. */
    learningRate: rate.default(5e-4),
    /** QQ 5e-5 for BERT, WBDC 1e-4. */
    rules: z.array(rule).default([{ pattern: 'encoder.bert.**', learningRate: 1e-4 }]),
  })
  .superRefine(stopsInTime);

export type TrainSettings = z.output<typeof trainSchema>;
