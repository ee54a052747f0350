import { dirname, join, resolve } from 'node:path';
import { foldIn, randomKey } from '@wbdc/nn';
import { exists, readJson } from '@wbdc/io';
import { findCheckpoint, loadParams } from '@wbdc/train/node';
import { clipVision, type ClipVision, type ClipVisionParams } from '@wbdc/clip-model';
import { upgradeSavedModel } from '@wbdc/pipeline';
import { readSavedModel } from '@wbdc/pipeline/node';
import { featureRecipe, recipeDifferences, type FeatureRecipe } from '@wbdc/video-features';
import { loadClipVision } from '@wbdc/clip-model/node';
import { UserError } from '../errors.js';
import type { StageRecord } from '../run-folder.js';
import { modelFolder, type FetchOptions } from '../published-model.js';
import { TOWER_FOLDER } from '../stages/finetune/finished.js';

/** A vision tower with its weights. */
export interface Tower {
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
}

/**
 * The tower that made a model's features: `folder`, a CLIP stage's checkpoint or a CLIP as published, or else the one
 * that the run of the model's checkpoint used. One that gives other features is refused.
 */
export async function openTower(
  checkpoint: string,
  folder: string | undefined,
  recipe: FeatureRecipe | undefined,
  options: FetchOptions,
): Promise<Tower> {
  const path = await modelFolder('--tower', folder ?? (await towerOfRun(checkpoint)), options);
  const found = await loadTower(path);
  if (recipe !== undefined) await assertSameFeatures(found, path, recipe);
  return found;
}

async function loadTower(path: string): Promise<Tower> {
  if (await exists(join(path, 'config.json'))) {
    const json = upgradeSavedModel(await readJson(join(path, 'config.json'))) as { kind?: string };
    if (json.kind !== 'clip') return publishedTower(path);
  }
  const folder = await findCheckpoint((await exists(join(path, 'checkpoints'))) ? join(path, 'checkpoints') : path);
  const saved = await readSavedModel(folder);
  if (saved.kind !== 'clip') {
    const where = join(folder, 'config.json');
    throw new UserError(`${where}: expected a checkpoint of the clip stage, got one of '${saved.kind}': set --tower`);
  }
  const tower = clipVision(saved.vision);
  const params = tower.init(foldIn(randomKey(0), 'overwritten'));
  await loadParams(join(folder, 'model.safetensors'), params, 'vision.');
  return { tower, params };
}

async function publishedTower(path: string): Promise<Tower> {
  const { config, params } = await loadClipVision(path);
  return { tower: clipVision(config), params };
}

async function assertSameFeatures({ tower, params }: Tower, path: string, recipe: FeatureRecipe): Promise<void> {
  const { preprocessing, sampling, output } = recipe;
  const own = await featureRecipe({ tower, params, preprocessing, sampling, output });
  const different = recipeDifferences(recipe, own);
  if (different.length === 0) return;
  throw new UserError(
    [
      `${path}: expected the vision tower whose features the model learned from, got another:`,
      ...different.map((line) => `  ${line}`),
      'give the right one with --tower',
    ].join('\n'),
  );
}

/** Follows what the stages read, as their stage.json says, from the model to the CLIP stage or a published tower. */
async function towerOfRun(checkpoint: string): Promise<string> {
  const stage = await stageAbove(checkpoint);
  const own = join(dirname(checkpoint), TOWER_FOLDER); // finetuned with the model
  if (await exists(own)) return own;
  const features = stage && readFrom(stage, await recordIn(stage), 'features');
  const record = features === undefined ? {} : await recordIn(features);
  const { tower } = (record.settings?.['features'] ?? {}) as { tower?: string | null };
  if (typeof tower === 'string') return tower;
  const clip = features && readFrom(features, record, 'clip');
  if (clip !== undefined && (await exists(clip))) return clip;
  throw new UserError(
    `${checkpoint}: expected the run that it was made in, with its clip stage, got none: give the vision tower ` +
      `with --tower (runs/<name>/clip, or a folder with a published CLIP)`,
  );
}

/** The nearest folder above with a stage.json. */
async function stageAbove(path: string): Promise<string | undefined> {
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
    if (await exists(join(folder, 'stage.json'))) return folder;
  }
  return undefined;
}

async function recordIn(folder: string): Promise<Partial<StageRecord>> {
  return (await readJson(join(folder, 'stage.json')).catch(() => ({}))) as Partial<StageRecord>;
}

/** Where the stage in `folder` read another one: beside it where nothing is noted. */
function readFrom(folder: string, { read }: Partial<StageRecord>, stage: string): string {
  return resolve(folder, read?.[stage] ?? join('..', stage));
}
