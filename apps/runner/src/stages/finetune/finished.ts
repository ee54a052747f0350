import { join } from 'node:path';
import { featureRecipe } from '@wbdc/video-features';
import { saveClipVision } from '@wbdc/clip-model/node';
import { type ClipVisionParams } from '@wbdc/clip-model';
import type { FinetuneParams } from '@wbdc/finetune';
import type { EncoderParams, SavedCategory, SavedSimilarity } from '@wbdc/pipeline';
import type { Finished } from '../training.js';
import type { Finetuning } from './start.js';

/** Folder of a tower that finetuning has trained, as transformers would save it. */
export const TOWER_FOLDER = 'tower';

/**
 * The finished model. A tower that was trained with it becomes a folder of its own, and the rest an ordinary model on
 * features of that tower: whatever works with stored features works with it.
 */
export async function finishedModel(
  { context, extractor }: Finetuning,
  params: FinetuneParams<EncoderParams>,
  config: SavedCategory | SavedSimilarity,
): Promise<Finished> {
  if (extractor === undefined) return { params, config, made: [] };
  const { vision, ...encoder } = params.encoder;
  const { tower, preprocessing, sampling, output } = extractor;
  const path = join(context.folder, TOWER_FOLDER);
  await saveClipVision(path, vision as ClipVisionParams, tower.config);
  const recipe = await featureRecipe({ tower, params: vision as ClipVisionParams, preprocessing, sampling, output });
  return {
    params: { ...params, encoder },
    config: { ...config, features: recipe },
    made: [{ path, about: 'the vision tower as it was trained, for --tower and features.tower' }],
  };
}
