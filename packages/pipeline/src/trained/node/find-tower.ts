import { dirname, join, resolve } from 'node:path';
import { exists, readIfThere } from '@wbdc/io';
import { findCheckpoint, hasCheckpoint } from '@wbdc/train/node';
import { z } from 'zod';
import { TrainedError } from '../errors.js';
import { CONFIG_FILE, TOWER_FOLDER } from '../model-files.js';
import { readTower, type Tower } from '../tower.js';
import { filesInFolder } from './folder-files.js';
import { publishedFolder, type HubOptions } from './hub-folder.js';

/**
 * The folder of the vision tower that made a model's features: inside the model's folder, where it was saved with it;
 * beside it, where it was finetuned with it; or else the one that the run used, by what its stages say they read.
 *
 * @throws TrainedError `tower-missing`
 */
export async function findTower(model: string, options: HubOptions): Promise<string> {
  for (const folder of [model, dirname(resolve(model))]) {
    if (await exists(join(folder, TOWER_FOLDER, CONFIG_FILE))) return join(folder, TOWER_FOLDER);
  }
  return namedTower(await towerOfRun(model), options);
}

/**
 * Opens a vision tower: a CLIP stage or a checkpoint of one, a CLIP as published, or a model of the hub.
 *
 * @throws TrainedError `tower-missing` or `tower-foreign`
 */
export async function openTower(name: string, options: HubOptions = {}): Promise<Tower> {
  return readTower(filesInFolder(await namedTower(name, options)));
}

/** The folder of a tower by its name: a folder, a CLIP stage, or a model of the hub. */
export async function namedTower(name: string, options: HubOptions): Promise<string> {
  const folder = await publishedFolder(name, options);
  if (folder === undefined) {
    throw new TrainedError({
      where: 'tower',
      expected: 'a folder, or a model of the hub such as openai/clip-vit-base-patch32',
      got: `${name}, and there is no such folder`,
      code: 'tower-missing',
    });
  }
  // A tower; one that was saved with a model or finetuned; a CLIP stage, or a run with one
  for (const path of [folder, join(folder, TOWER_FOLDER)]) if (await exists(join(path, CONFIG_FILE))) return path;
  for (const series of [join(folder, 'checkpoints'), join(folder, 'clip', 'checkpoints')]) {
    if (await hasCheckpoint(series)) return findCheckpoint(series);
  }
  return findCheckpoint(folder);
}

/** What is read of a stage's record: the tower, and the folders of the stages that it read, from its own. */
const recordSchema = z.object({
  settings: z.object({ features: z.object({ tower: z.string().nullable().optional() }).optional() }).optional(),
  read: z.record(z.string(), z.string()).optional(),
});

type StageRecord = z.output<typeof recordSchema>;

/** Follows what the stages read, as their stage.json says, from the model to the CLIP stage or a published tower. */
async function towerOfRun(model: string): Promise<string> {
  const stage = await stageAbove(model);
  const features = stage && readFrom(stage, await recordIn(stage), 'features');
  const record = features === undefined ? {} : await recordIn(features);
  const tower = record.settings?.features?.tower;
  if (typeof tower === 'string') return tower;
  const clip = features && readFrom(features, record, 'clip');
  if (clip !== undefined && (await exists(clip))) return clip;
  throw new TrainedError({
    where: model,
    expected: 'its vision tower in it (tower/), or the run that it was made in, with its clip stage',
    got: 'neither',
    advice: 'give the tower, or features of frames',
    code: 'tower-missing',
  });
}

/** The nearest folder above with a stage.json. */
async function stageAbove(path: string): Promise<string | undefined> {
  for (let folder = resolve(path); folder !== dirname(folder); folder = dirname(folder)) {
    if (await exists(join(folder, 'stage.json'))) return folder;
  }
  return undefined;
}

/** What the record says, as far as it is whole: the tower can also be given. */
async function recordIn(folder: string): Promise<StageRecord> {
  try {
    return recordSchema.parse(JSON.parse((await readIfThere(join(folder, 'stage.json'))) ?? '{}'));
  } catch {
    return {};
  }
}

/** Where the stage in `folder` read another one: beside it where nothing is noted. */
function readFrom(folder: string, { read }: StageRecord, stage: string): string {
  return resolve(folder, read?.[stage] ?? join('..', stage));
}
