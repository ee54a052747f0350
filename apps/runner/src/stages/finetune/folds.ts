import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeJson } from '@wbdc/io';
import type { StageContext, StageResult } from '../../stage.js';
import { combineCategories } from './fold-categories.js';
import { combineSimilarity } from './fold-similarity.js';

/** What a fold's model reported: there once it is complete. */
const RESULT = 'fold.json';

type FoldResult = Pick<StageResult, 'made' | 'summary' | 'read'>;

/** One model per fold, each in a folder of its own; then what they say together. */
export async function finetuneFolds(
  context: StageContext,
  finetune: (context: StageContext) => Promise<StageResult>,
): Promise<StageResult> {
  const { folds, kind } = context.config.finetune;
  const results: FoldResult[] = [];
  for (let fold = 0; fold < folds!; fold++) {
    const result = await foldOf(context, fold, finetune);
    if (result.status === 'interrupted') return { ...result, summary: { fold, ...result.summary } };
    results.push(result);
  }
  const folders = results.map((_, fold) => folderOf(context, fold));
  const combine = kind === 'category' ? combineCategories : combineSimilarity;
  const { made, summary } = await combine(context, folders);
  const models = folders.map((path, fold) => ({ path, about: `the model without fold ${fold}` }));
  return { status: 'complete', read: results[0].read, made: [...models, ...made], summary };
}

function folderOf({ folder }: StageContext, fold: number): string {
  return join(folder, `fold-${fold}`);
}

/** Trains a fold's model, unless an earlier attempt has. */
async function foldOf(
  context: StageContext,
  fold: number,
  finetune: (context: StageContext) => Promise<StageResult>,
): Promise<StageResult> {
  const folder = folderOf(context, fold);
  const done = context.resume ? await readIfThere(join(folder, RESULT)) : undefined;
  if (done !== undefined) return { status: 'complete', ...(JSON.parse(done) as FoldResult) };
  const { config } = context;
  context.output.say(`fold ${fold} of ${config.finetune.folds}`);
  await mkdir(folder, { recursive: true });
  const own = { ...config, finetune: { ...config.finetune, fold } };
  const { status, read, made, summary } = await finetune({ ...context, config: own, folder });
  const result: FoldResult = { read, made, summary };
  if (status === 'complete') await writeJson(join(folder, RESULT), result);
  return { status, ...result };
}
