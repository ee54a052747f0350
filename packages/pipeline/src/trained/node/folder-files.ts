import { join } from 'node:path';
import { openSafetensors, openWeights } from '@wbdc/checkpoints/node';
import { readIfThere } from '@wbdc/io';
import type { ModelFiles } from '../model-files.js';

/** The files of a model in a folder. */
export function filesInFolder(folder: string): ModelFiles {
  return {
    where: folder,
    readText: (name) => readIfThere(join(folder, name)),
    openWeights: (name) => (name === undefined ? openWeights(folder) : openSafetensors(join(folder, name))),
    folder: (name) => filesInFolder(join(folder, name)),
  };
}
