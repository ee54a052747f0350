import { join } from 'node:path';
import type { ParamTree } from '@wbdc/nn';
import { averageParams, bestOf, keepBest } from '@wbdc/train/node';
import type { Measurement } from './measurement.js';

/** A training that ends with the mean of the weights of its best measurements. */
export interface BestWeights {
  /** How many of them. */
  readonly count: number;
  /** The metric to choose by; greater is better unless `smallest`. */
  readonly metric: string;
  /** Of errors: smaller is better. */
  readonly smallest?: boolean;
}

/** What a training ended with instead of its last weights. */
export interface AveragedWeights {
  /** Where the weights of the best measurements are. */
  readonly folder: string;
  readonly metric: string;
  /** The measurements whose weights were averaged, the best first. */
  readonly steps: readonly { readonly step: number; readonly score: number }[];
}

const folderOf = (folder: string): string => join(folder, 'best');

/** Keeps the weights of a measurement where they are among the best so far. They must be the ones in place. */
export async function offerBest(
  folder: string,
  { count, metric, smallest = false }: BestWeights,
  params: ParamTree,
  step: number,
  { measured }: Measurement,
): Promise<void> {
  const value = measured[metric]?.value ?? NaN;
  await keepBest(folderOf(folder), { step, score: smallest ? -value : value, params, count });
}

/** Puts the mean of the best weights in place; nothing where no measurement was a number. */
export async function averageBest(
  folder: string,
  { metric, smallest = false }: BestWeights,
  params: ParamTree,
): Promise<AveragedWeights | undefined> {
  const kept = await bestOf(folderOf(folder));
  if (kept.length === 0) return undefined;
  await averageParams(
    kept.map(({ file }) => file),
    params,
  );
  return {
    folder: folderOf(folder),
    metric,
    steps: kept.map(({ step, score }) => ({ step, score: smallest ? -score : score })),
  };
}
