import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder, writeFileAtomic, writeJson } from '@wbdc/io';
import type { Evaluation } from './kinds.js';

/** Paths of what an evaluation leaves. */
export interface EvaluationFiles {
  /** All of it as JSON. */
  readonly result: string;
  /** A page that stands alone. */
  readonly report: string;
}

/** @param name of the truth */
function evaluationFiles(folder: string, name: string): EvaluationFiles {
  return { result: join(folder, `${name}.json`), report: join(folder, `${name}.html`) };
}

/** Writes what was measured, as JSON and as a page. */
export async function writeEvaluation(folder: string, name: string, evaluation: Evaluation): Promise<EvaluationFiles> {
  const files = evaluationFiles(folder, name);
  await makeFolder(folder);
  await writeJson(files.result, evaluation);
  const { evaluationPage } = await import('./page.js'); // charts and a DOM, for whoever gets here
  await writeFileAtomic(files.report, evaluationPage(evaluation));
  return files;
}

/** Where an evaluation goes that no folder is named for: `evaluation/` in a run, or beside a file. */
export async function evaluationFolder(model: string): Promise<string> {
  const found = await stat(model).catch(() => undefined);
  const folder = found?.isDirectory() ? model : dirname(model);
  return join(basename(folder) === 'finetune' ? dirname(folder) : folder, 'evaluation');
}
