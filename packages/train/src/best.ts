import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import type { Variable } from '@tensorflow/tfjs';
import { flatten, type ParamTree } from '@wbdc/nn';
import { openSafetensors, writeSafetensors, type SafetensorsFile } from '@wbdc/checkpoints/node';
import { makeFolder, parseJson, readIfThere, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { paramSources } from './checkpoint.js';
import { assertNames } from './tensors.js';

/** The weights of a measurement. */
export interface Scored {
  readonly step: number;
  readonly score: number;
  readonly file: string;
}

const LIST = 'best.json';

/**
 * Keeps the weights of the `count` best measurements of a run in a folder. Greater scores are better; of equal ones the
 * later; one that is no number is never kept. Offering a step again replaces it, so a resumed run that measures the
 * same once more changes nothing, and a kill at any moment loses nothing that was kept.
 */
export async function keepBest(
  folder: string,
  { step, score, params, count }: { step: number; score: number; params: ParamTree; count: number },
): Promise<void> {
  if (!Number.isFinite(score)) return;
  const file = fileOf(folder, step);
  const others = (await bestOf(folder)).filter((kept) => kept.step !== step);
  const all = [...others, { step, score, file }].sort((a, b) => b.score - a.score || b.step - a.step);
  const kept = all.slice(0, count);
  if (!kept.some((entry) => entry.step === step)) return;
  await makeFolder(folder);
  await writeSafetensors(file, paramSources(params), { format: 'wbdc' });
  const list = kept.map((entry) => ({ step: entry.step, score: entry.score }));
  await writeFileAtomic(join(folder, LIST), `${JSON.stringify(list)}\n`);
  const files = new Set(kept.map((entry) => entry.file));
  const stale = (await readdir(folder)).filter((name) => name !== LIST && !files.has(join(folder, name)));
  for (const name of stale) await rm(join(folder, name), { force: true });
}

/**
 * What {@link keepBest} has kept, the best first; nothing where it never ran.
 * @throws WbdcError where its list is damaged
 */
export async function bestOf(folder: string): Promise<Scored[]> {
  const path = join(folder, LIST);
  const text = await readIfThere(path);
  if (text === undefined) return [];
  const list = parseJson(text, path);
  if (Array.isArray(list) && list.every(isScore)) {
    return list.map(({ step, score }) => ({ step, score, file: fileOf(folder, step) }));
  }
  const [expected, got] = ['a list of {step, score}, as keepBest wrote it', 'something else'];
  throw new WbdcError({ where: path, expected, got, advice: 'remove it: the best weights are then kept from here on' });
}

function isScore(value: unknown): value is Pick<Scored, 'step' | 'score'> {
  if (typeof value !== 'object' || value === null || !('step' in value) || !('score' in value)) return false;
  return Number.isSafeInteger(value.step) && Number.isFinite(value.score);
}

function fileOf(folder: string, step: number): string {
  return join(folder, `step-${String(step).padStart(8, '0')}.safetensors`);
}

/**
 * Gives parameters the mean of several files' weights (Izmailov et al., arXiv 1803.05407; Wortsman et al., arXiv
 * 2203.05482): `w = sum_i w_i / n`, added up in float64, one parameter in memory at a time. Nothing changes where a
 * file does not fit.
 */
export async function averageParams(paths: readonly string[], params: ParamTree): Promise<void> {
  if (paths.length === 0) throw new RangeError('averageParams: expected one file or more, got none');
  const variables = new Map(flatten(params).map(({ path, leaf }) => [path, leaf as Variable]));
  const files: SafetensorsFile[] = [];
  try {
    for (const path of paths) files.push(await openSafetensors(path));
    for (const file of files) assertNames(file, variables);
    for (const [name, variable] of variables) {
      const sum = new Float64Array(variable.size);
      for (const file of files) {
        const { data } = await file.read(name);
        for (let i = 0; i < sum.length; i++) sum[i] += data[i];
      }
      const mean = Float32Array.from(sum, (value) => value / files.length);
      tf.tidy(() => variable.assign(tf.tensor(mean, variable.shape, 'float32')));
    }
  } finally {
    for (const file of files) await file.close();
  }
}
