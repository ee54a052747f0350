import {
  finetuneFiles,
  type FinetunedInMemory,
  type FinetuneInMemoryOptions,
  type LabelledInput,
} from '../../finetune/in-memory.js';
import type { ModelBytes } from '../model-files.js';
import { modelSource } from './open.js';

/**
 * Finetunes a model for categories on videos in memory: no file is written, so that it works in a page too. The same
 * videos, options and engine give the same model to the last bit. The engine of tfjs is the caller's choice.
 *
 * @param source a model by any name that `openTrained` takes
 * @throws WbdcError where there are fewer than two categories, or an option means nothing
 */
export async function finetuneInMemory(
  source: string | URL | ModelBytes,
  videos: readonly LabelledInput[],
  options: FinetuneInMemoryOptions = {},
): Promise<FinetunedInMemory> {
  return finetuneFiles((await modelSource(source, {})).files, videos, options);
}
