import { join, resolve } from 'node:path';
import { exists } from '@wbdc/io';
import { findCheckpoint, hasCheckpoint } from '@wbdc/train/node';
import { TrainedError } from '../errors.js';
import { CONFIG_FILE, WEIGHTS_FILE } from '../model-files.js';
import { HUB, hubFolder, type HubOptions } from './hub-folder.js';

/** The folder of the model that a complete finetuning leaves for use, inside its stage's. */
export const FINISHED_MODEL = 'model';

/** How a model is looked for. */
export interface FindModelOptions extends HubOptions {
  /** Which stage of a run counts first: what is for use, by default, or what is to learn further. */
  readonly first?: 'finetune' | 'pretrain';
}

/**
 * The folder of the model that a name means, the same for everything that takes a model. `hub:owner/name` is one of the
 * hub; anything else is a path:
 *
 * 1. the folder itself, where it holds a model: a checkpoint, or a copy of one;
 * 2. the finished model of a finetuning: the path may be that stage, or the run;
 * 3. the newest checkpoint of a stage, of a run's finetuning, or of a series;
 * 4. the newest checkpoint of a run's pretraining; before its finetuning with `first: 'pretrain'`.
 *
 * @throws TrainedError `model-missing` where there is none, `model-folds` where a finetuning left one per fold
 */
export async function findModel(name: string, options: FindModelOptions = {}): Promise<string> {
  if (name.startsWith(HUB)) return hubFolder(name.slice(HUB.length), options);
  const path = options.from === undefined ? name : resolve(options.from, name);
  if (await isModel(path)) return path;
  const pretrained = join(path, 'pretrain', 'checkpoints');
  if (options.first === 'pretrain' && (await hasCheckpoint(pretrained))) return findCheckpoint(pretrained);
  for (const folder of [join(path, FINISHED_MODEL), join(path, 'finetune', FINISHED_MODEL)]) {
    if (await exists(join(folder, 'state.json'))) return folder;
  }
  for (const series of [join(path, 'checkpoints'), join(path, 'finetune', 'checkpoints'), path]) {
    if (await hasCheckpoint(series)) return findCheckpoint(series);
  }
  for (const fold of [join(path, 'fold-0'), join(path, 'finetune', 'fold-0')]) {
    if (!(await hasCheckpoint(join(fold, 'checkpoints')))) continue;
    const advice = `choose one, such as ${fold}`;
    throw new TrainedError({ where: path, expected: 'one model', got: 'one per fold', advice, code: 'model-folds' });
  }
  if (await hasCheckpoint(pretrained)) return findCheckpoint(pretrained);
  const expected = 'a trained model: its folder, a stage or a run that has one, or hub:owner/name';
  throw new TrainedError({ where: path, expected, got: 'none', code: 'model-missing' });
}

/** A checkpoint's state is written last; a copy for use may do without. */
async function isModel(folder: string): Promise<boolean> {
  if (await exists(join(folder, 'state.json'))) return true;
  return (await exists(join(folder, CONFIG_FILE))) && (await exists(join(folder, WEIGHTS_FILE)));
}
