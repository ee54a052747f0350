import { join } from 'node:path';
import { featureRecipe } from '@wbdc/video-features';
import { saveClipVision } from '@wbdc/clip-model/node';
import { type ClipVisionParams } from '@wbdc/clip-model';
import type { FinetuneParams } from '@wbdc/finetune';
import type { EncoderParams, SavedCategory, SavedSimilarity } from '@wbdc/pipeline';
import { FINISHED_MODEL } from '@wbdc/pipeline/node';
import { saveCheckpoint } from '@wbdc/train/node';
import type { Conclusion } from '../training.js';
import type { Extractor } from '../tower.js';
import { withoutTower, type Finetuning } from './start.js';

/** Folder of a tower that finetuning has trained, as transformers would save it. */
export const TOWER_FOLDER = 'tower';

/** What is saved, beside the weights. */
interface Saving {
  readonly step: number;
  readonly seed: number;
  readonly model: SavedCategory | SavedSimilarity;
  readonly files: readonly string[];
}

/**
 * Saves the finished model, for prediction. A tower that was trained with it becomes a folder of its own, and the rest an
 * ordinary model on features of that tower: whatever works with stored features works with it.
 */
export async function saveFinished(
  finetuning: Finetuning,
  params: FinetuneParams<EncoderParams>,
  { step, seed, model, files }: Saving,
): Promise<Conclusion> {
  const path = join(finetuning.context.folder, FINISHED_MODEL);
  const tower = finetuning.extractor && (await saveTower(finetuning.context.folder, finetuning.extractor, params));
  await saveCheckpoint(path, {
    params: { ...params, encoder: withoutTower(params.encoder) },
    config: { ...model, ...(tower && { features: tower.recipe }) },
    state: { step, seed },
    files,
  });
  const made = [{ path, about: 'the finished model, for predict, embed and similar' }];
  return { made: [...made, ...(tower ? [tower.made] : [])], summary: {} };
}

async function saveTower(folder: string, extractor: Extractor, params: FinetuneParams<EncoderParams>) {
  const { tower, preprocessing, sampling, output } = extractor;
  const vision = params.encoder.vision as ClipVisionParams;
  const path = join(folder, TOWER_FOLDER);
  await saveClipVision(path, vision, tower.config);
  const recipe = await featureRecipe({ tower, params: vision, preprocessing, sampling, output });
  return { recipe, made: { path, about: 'the vision tower as it was trained, for --tower and features.tower' } };
}

export function joinConclusions(first: Conclusion, second: Conclusion): Conclusion {
  return { made: [...first.made, ...second.made], summary: { ...first.summary, ...second.summary } };
}
