import { join } from 'node:path';
import type { ClipVisionParams } from '@wbdc/clip-model';
import { saveClipVision } from '@wbdc/clip-model/node';
import type { FinetuneParams } from '@wbdc/finetune';
import { saveCheckpoint, type CheckpointFile } from '@wbdc/train/node';
import { featureRecipe, type FeatureRecipe } from '@wbdc/video-features';
import type { FeatureExtractor } from '../features/extractor.js';
import type { SavedCategory, SavedSimilarity, SavedTags } from '../saved/schema.js';
import { TOWER_FOLDER } from '../trained/model-files.js';
import { FINISHED_MODEL } from '../trained/node/find-model.js';
import type { EncoderParams } from './encoder.js';
import type { FinetuneConclusion } from './options.js';
import { withoutTower } from './start.js';

export interface Finished {
  readonly folder: string;
  readonly extractor: FeatureExtractor | undefined;
  readonly params: FinetuneParams<EncoderParams>;
  readonly model: SavedCategory | SavedSimilarity | SavedTags;
  readonly files: readonly (string | CheckpointFile)[];
  readonly step: number;
  readonly seed: number;
}

/**
 * Saves the finished model for use. A tower that was trained with it becomes a folder of its own, and the rest an
 * ordinary model on features of that tower: whatever works with stored features works with it.
 */
export async function saveFinished(finished: Finished): Promise<Pick<FinetuneConclusion, 'model' | 'tower'>> {
  const { folder, extractor, params, model, files, step, seed } = finished;
  const path = join(folder, FINISHED_MODEL);
  const tower = extractor && (await saveTower(join(folder, TOWER_FOLDER), extractor, params));
  await saveCheckpoint(path, {
    params: { ...params, encoder: withoutTower(params.encoder) },
    config: { ...model, ...(tower && { features: tower }) },
    state: { step, seed },
    files,
  });
  return { model: path, ...(tower && { tower: join(folder, TOWER_FOLDER) }) };
}

async function saveTower(
  path: string,
  { tower, preprocessing, sampling, output }: FeatureExtractor,
  { encoder }: FinetuneParams<EncoderParams>,
): Promise<FeatureRecipe> {
  const params = encoder.vision as ClipVisionParams;
  await saveClipVision(path, params, tower.config);
  return featureRecipe({ tower, params, preprocessing, sampling, output });
}
