import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CATEGORY_NAMES_FILE } from '@wbdc/data/web';
import { makeFolder, writeJson } from '@wbdc/io';
import { disposeTree } from '@wbdc/nn';
import { TOKENIZER_FILES } from '@wbdc/tokenizer';
import { TrainedError } from '../errors.js';
import { CONFIG_FILE, TOWER_FOLDER, WEIGHTS_FILE, type ModelBytes } from '../model-files.js';
import { QUANTIZATION_FILE } from '../quantization.js';
import { readModel } from '../read-model.js';
import { readTower } from '../tower.js';
import { copyText } from './copy-text.js';
import { modelSource, towerFiles, type OpenTrainedOptions } from './open.js';
import { saveTower } from './save-tower.js';

/** A file or folder that was written. */
export interface Written {
  readonly path: string;
  readonly about: string;
}

/** How a model is saved. */
export interface SaveTrainedOptions extends Omit<
  OpenTrainedOptions,
  'decode' | 'limits' | 'backend' | 'onnx' | 'tower'
> {
  /** As for `openTrained`; null leaves it out, for a model that reads features alone. */
  readonly tower?: OpenTrainedOptions['tower'] | null;
}

const TEXT_FILES = [...TOKENIZER_FILES, CATEGORY_NAMES_FILE, 'categories.txt', 'tag_list.txt', QUANTIZATION_FILE];

/**
 * Writes a trained model as a folder of its own, to copy anywhere or to publish: description, weights, tokenizer, the
 * names of its outputs, and in `tower/` the vision tower that its features come from.
 *
 * @param source a run, a stage, a folder or `hub:owner/name`
 * @throws TrainedError where there is no model, or not its vision tower
 */
export async function saveTrained(
  source: string | URL | ModelBytes,
  folder: string,
  options: SaveTrainedOptions = {},
): Promise<Written> {
  const { files, folder: from } = await modelSource(source, options);
  if (from === undefined) {
    const problem = {
      where: files.where,
      expected: 'a model in a folder, or of the hub',
      got: 'another place',
    } as const;
    throw new TrainedError({ ...problem, code: 'input' });
  }
  const model = await readModel(files, options.observer ?? {});
  const { tower, ...others } = options;
  try {
    await makeFolder(folder);
    if (tower !== null) {
      const opened = await readTower(
        await towerFiles(files, from, { ...others, ...(tower !== undefined && { tower }) }),
      );
      await saveTower(opened, model, join(folder, TOWER_FOLDER));
    }
    for (const name of TEXT_FILES) await copyText(files, name, folder);
    await copyFile(join(from, WEIGHTS_FILE), join(folder, WEIGHTS_FILE));
    await writeJson(join(folder, CONFIG_FILE), model.saved); // last: with it the folder is a model
    return { path: folder, about: `the model by itself${tower === null ? '' : ', with its vision tower'}` };
  } finally {
    disposeTree(model.params);
  }
}
