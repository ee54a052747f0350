import type { Measurement } from '../training/measurement.js';
import { disposeTree } from '@wbdc/nn';
import type { ClipConfig, ClipParams } from '@wbdc/pretrain-tasks/clip';
import type { Tokenizer } from '@wbdc/tokenizer';
import type { z } from 'zod';
import { clipRecipe } from '../recipes/clip.js';
import { describeModel } from '../saved/saved-model.js';
import { clipSchema } from '../settings/clip.js';
import { parseSettings } from '../settings/parse.js';
import { tokenizerFiles } from '../training/files.js';
import type { Initialize } from '../training/initialize.js';
import { freshWeights, goesOn, runTraining, type RunOptions, type TrainingResult } from '../training/run.js';
import type { ClipVideos } from './clip-videos.js';

export interface TrainClipOptions extends RunOptions {
  /** Partial settings; the rest has the defaults of the schema. */
  readonly settings?: z.input<typeof clipSchema>;
  /** Titles and frames, to learn from and to measure on. */
  readonly data: { readonly training: ClipVideos; readonly heldOut: ClipVideos };
  /** The one of the titles; it is kept with the model. */
  readonly tokenizer: Tokenizer;
  /** Gives the fresh weights other values before the first step: those of published towers, say. */
  readonly initialize?: Initialize<[ClipParams, ClipConfig]> | undefined;
}

/**
 * Trains a vision tower against titles (Radford et al., arXiv 2103.00020). The folder gets `checkpoints/` and
 * `metrics.jsonl`. The same options give the same numbers, bit by bit, also after an interruption and with `resume`.
 */
export async function trainClip(options: TrainClipOptions): Promise<TrainingResult<Measurement>> {
  const { data, tokenizer, initialize } = options;
  const settings = parseSettings(clipSchema, options.settings ?? {});
  const recipe = clipRecipe(
    settings,
    tokenizer.vocabSize,
    await freshWeights(options, initialize?.paths),
    options.communicator,
  );
  try {
    if (!(await goesOn(options))) await initialize?.run(recipe.params, recipe.config);
    return await runTraining({
      ...options,
      recipe,
      data: {
        lengths: data.training.lengths,
        read: recipe.reader((...batch) => data.training.batch(...batch)),
      },
      evaluate: async () => ({ measured: await recipe.evaluate(data.heldOut.inOrder(settings.batchSize)) }),
      model: describeModel('clip', recipe.config),
      files: tokenizerFiles(tokenizer),
    });
  } finally {
    disposeTree({ ...recipe.params });
  }
}
