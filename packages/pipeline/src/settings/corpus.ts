import { z } from 'zod';
import { modelSchema, type ModelSettings } from './model.js';
import type { TextSettings } from './text.js';
import { objectives, type TaskSettings, type ViewSettings } from './tasks.js';
import { trainSchema, type TrainSettings } from './training.js';

const splits = z.array(z.string().regex(/^[\w-]+$/, 'the name of a split, such as corpus')).min(1);

/**
 * A corpus of texts without frames (annotations/<split>.json with titles, OCR and ASR) that the text side reads before
 * it meets a video.
 */
export const corpusSchema = z.strictObject({
  splits: splits.default(['corpus']),
  heldOutSplits: splits.default(['corpus_test']),
  tasks: z
    .strictObject({
      mlm: objectives.mlm.nullable().prefault({ wholeWord: true, prior: 'frequency' }),
      /** The title alone finds its other texts: of a dictionary, a word its definition. */
      ftc: objectives.ftc.nullable().default(null),
    })
    .refine((all) => Object.values(all).some((task) => task !== null && task.weight > 0), {
      error: 'expected at least one task with a weight above 0',
    })
    .prefault({}),
  train: trainSchema.prefault({}),
  /** Whether pretraining starts from it; false shares the vocabulary alone, to compare. */
  start: z.boolean().default(true),
});

export type CorpusSettings = z.output<typeof corpusSchema>;

/** What of a model's settings decides its text side. */
export function bertSettings({
  init,
  width,
  layers,
  heads,
  intermediate,
  dropout,
  recompute,
  maxPositions,
}: ModelSettings) {
  return { ...(init !== undefined && { init }), width, layers, heads, intermediate, dropout, recompute, maxPositions };
}

/** How a corpus is laid out. Where frames would stand says nothing to it: models that differ in that share one. */
export function corpusText(text: TextSettings): TextSettings {
  return { ...text, separatorFirst: false };
}

/** The settings of a pretraining on texts: a BERT of the model's sizes, whatever model it is for. */
export function corpusPretraining(
  model: ModelSettings,
  { tasks, train }: CorpusSettings,
): { model: ModelSettings; tasks: TaskSettings; views: ViewSettings; train: TrainSettings } {
  return {
    model: { ...modelSchema.parse({}), ...bertSettings(model), kind: 'uni-model' },
    tasks: { ftm: null, mfm: null, mmm: null, tag: null, ...tasks },
    views: {},
    train,
  };
}
