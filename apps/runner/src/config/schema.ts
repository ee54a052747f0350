import {
  clipSchema,
  corpusSchema,
  dataProblems,
  dataSchema,
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

const runName = z.string().regex(/^[\w][\w.-]*$/, 'a folder name of letters, digits, dots, dashes and underscores');

const run = z.strictObject({
  /** Names the folder of everything this run makes: <folder>/<name>/<stage>. */
  name: runName.default('run'),
  folder: z.string().min(1).default('runs'),
  /**
   * Another run whose stages are read where this one has none of its own: one data set and its features for several
   * trainings. Of a list, the first that has a stage.
   */
  base: z
    .union([runName, z.array(runName)])
    .nullable()
    .default(null),
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
    /** In what ONNX Runtime keeps weights of features, predictions, embeddings; null leaves them to the engine. */
    dtype: z.enum(['fp32', 'fp16', 'int8']).nullable().default(null),
    /** Threads of the engine; null takes one per core. */
    threads: count().nullable().default(null),
    /** In what matrices are multiplied. bf16: engine tensorflow, where it is faster; fp16: webgpu, the loss scaled. */
    precision: z.enum(['fp32', 'bf16', 'fp16']).default('fp32'),
    data: dataSchema.prefault({}),
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
    for (const { path, message } of [...pretrainProblems(config), ...dataProblems(config)]) report(path, message);
    for (const { path, message } of finetuneProblems(config)) report(['finetune', ...path], message);
  });

export type Config = z.output<typeof configSchema>;
