import { join } from 'node:path';
import { readJson } from '@wbdc/io';
import { assertSameModel, parseSavedModel } from './saved-model.js';
import type { SavedModel } from './schema.js';

/** The name of the file beside a model's weights that describes it. */
const CONFIG_FILE = 'config.json';

/**
 * Reads the description of the model in a checkpoint's folder.
 *
 * @throws WbdcError where the folder holds none of wbdc
 */
export async function readSavedModel(folder: string): Promise<SavedModel> {
  const where = join(folder, CONFIG_FILE);
  return parseSavedModel(await readJson(where), where);
}

/**
 * Checks that the model in a checkpoint's folder agrees with what is expected of it: all of its description, or those
 * fields that the weights in question depend on.
 *
 * @throws Error that lists what differs, by paths such as `sizes.width`
 */
export async function assertSavedModel(folder: string, expected: Partial<SavedModel>): Promise<void> {
  const where = join(folder, CONFIG_FILE);
  assertSameModel(expected, await readJson(where), where);
}
