import { join } from 'node:path';
import { combineCategoryFolds, combineSimilarityFolds, finetuneFiles } from '@wbdc/finetune/node';
import { exists, makeFolder, writeJson } from '@wbdc/io';
import type { FinetunedFolds, FinetunedModel, FinetuneOptions } from './options.js';

/** There once a fold's model is complete: its step and what was measured. */
const RESULT = 'fold.json';

/** One model per fold, each in a folder of its own; then what they say together. */
export async function finetuneFolds(
  options: FinetuneOptions,
  finetune: (options: FinetuneOptions) => Promise<FinetunedModel>,
): Promise<FinetunedFolds> {
  const count = options.settings.finetune.folds!;
  const folders = Array.from({ length: count }, (_, fold) => join(options.folder, `fold-${fold}`));
  const files = finetuneFiles(options.folder);
  for (const [fold, folder] of folders.entries()) {
    const result = await finetuneFold(options, fold, folder, finetune);
    if (result?.status !== 'interrupted') continue;
    return { kind: 'folds', status: 'interrupted', folders, files, interrupted: { fold, result } };
  }
  return { kind: 'folds', status: 'complete', folders, files, ...(await combine(options, folders)) };
}

/** Trains a fold's model, unless an earlier attempt has. */
async function finetuneFold(
  options: FinetuneOptions,
  fold: number,
  folder: string,
  finetune: (options: FinetuneOptions) => Promise<FinetunedModel>,
): Promise<FinetunedModel | undefined> {
  const { settings, resume, observer } = options;
  if (resume && (await exists(join(folder, RESULT)))) return undefined;
  observer?.onMessage?.(`fold ${fold} of ${settings.finetune.folds}`);
  await makeFolder(folder);
  const own = { ...settings, finetune: { ...settings.finetune, fold } };
  const result = await finetune({ ...options, settings: own, folder });
  const { status, step, measurement } = result;
  if (status === 'complete') await writeJson(join(folder, RESULT), { step, measured: measurement?.measured });
  return result;
}

/** What the models of all folds say together. */
async function combine(
  { settings, data, folder, observer }: FinetuneOptions,
  folds: readonly string[],
): Promise<Pick<FinetunedFolds, 'categories' | 'similarity'>> {
  const { kind, predict, rareClass } = settings.finetune;
  if (kind === 'category') {
    const { truth } = data;
    const categories = await combineCategoryFolds({
      folds,
      folder,
      splits: predict,
      rareClass,
      ...(truth && { truth }),
    });
    return { categories };
  }
  const pairs = (data.pairs?.heldOut ?? []).map(({ left, right, score }) => ({ id1: left, id2: right, score }));
  const onWarning = observer?.onWarning;
  const similarity = await combineSimilarityFolds({ folds, folder, pairs, ...(onWarning && { onWarning }) });
  return { similarity };
}
