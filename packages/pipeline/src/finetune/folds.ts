import { join } from 'node:path';
import { groupsOf, labelledVideos, pairSet, splitByFold } from '@wbdc/finetune';
import { combineCategoryFolds, combineSimilarityFolds, finetuneFiles } from '@wbdc/finetune/node';
import { fromRoot, single } from '@wbdc/distributed';
import { exists, makeFolder, writeJson } from '@wbdc/io';
import { categoryBaselinesOf, outOfFoldBaselines, pairBaselinesOf } from './baselines.js';
import { baselineSource } from './common.js';
import { combineTagFolds } from './fold-tags.js';
import { isRoot } from '../training/ranks.js';
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
  const combined = isRoot(options) ? await combine(options, folders) : {};
  return { kind: 'folds', status: 'complete', folders, files, ...combined };
}

/** Trains a fold's model, unless an earlier attempt has. */
async function finetuneFold(
  options: FinetuneOptions,
  fold: number,
  folder: string,
  finetune: (options: FinetuneOptions) => Promise<FinetunedModel>,
): Promise<FinetunedModel | undefined> {
  const { settings, resume, observer } = options;
  const { communicator = single } = options;
  if (resume && (await fromRoot(communicator, () => exists(join(folder, RESULT))))) return undefined;
  observer?.onMessage?.(`fold ${fold} of ${settings.finetune.folds}`);
  await makeFolder(folder);
  const own = { ...settings, finetune: { ...settings.finetune, fold } };
  const result = await finetune({ ...options, settings: own, folder });
  const { status, step, measurement } = result;
  if (status === 'complete' && isRoot(options))
    await writeJson(join(folder, RESULT), { step, measured: measurement?.measured });
  return result;
}

/** What the models of all folds say together. */
async function combine(
  options: FinetuneOptions,
  folds: readonly string[],
): Promise<Pick<FinetunedFolds, 'categories' | 'similarity' | 'tags'>> {
  const { settings, data, folder, observer } = options;
  const { kind, predict, rareClass } = settings.finetune;
  if (kind === 'tags') return { tags: await combineTagFolds(options, folds) };
  if (kind === 'category') {
    const { truth } = data;
    const categories = await combineCategoryFolds({
      folds,
      folder,
      splits: predict,
      rareClass,
      outOfFoldBaselines: await labelledBaselines(options),
      ...(truth && { truth, baselines: await heldOutBaselines(options, truth) }),
    });
    return { categories };
  }
  const pairs = (data.pairs?.heldOut ?? []).map(({ left, right, score }) => ({ id1: left, id2: right, score }));
  const onWarning = observer?.onWarning;
  const held = data.pairs?.heldOut ?? [];
  const baselines =
    held.length === 0 ? {} : await pairBaselinesOf(pairSet(held, data.heldOut), baselineSource(options));
  const similarity = await combineSimilarityFolds({ folds, folder, pairs, baselines, ...(onWarning && { onWarning }) });
  return { similarity };
}

/** Of the labelled videos, each fold by the others: divided as they were to learn. */
function labelledBaselines(options: FinetuneOptions) {
  const { training, groups } = options.data;
  const labelled = labelledVideos(training, undefined, groupsOf(training, groups));
  const folds = options.settings.finetune.folds!;
  const parts = Array.from({ length: folds }, (_, fold) => splitByFold(labelled, { folds, fold }));
  return outOfFoldBaselines(training, parts, baselineSource(options));
}

/** Of the held-out videos, by all that are labelled. */
function heldOutBaselines(options: FinetuneOptions, truth: ReadonlyMap<string, string>) {
  const { training, heldOut } = options.data;
  return categoryBaselinesOf(
    { dataset: training, videos: labelledVideos(training) },
    { dataset: heldOut, videos: labelledVideos(heldOut, truth) },
    baselineSource(options),
  );
}
