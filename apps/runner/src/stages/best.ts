import type { Measured } from '@wbdc/metrics';
import { join } from 'node:path';
import type { ParamTree } from '@wbdc/nn';
import { averageParams, bestOf, keepBest } from '@wbdc/train/node';
import { formatNumber } from '../format.js';
import type { Artifact, JsonObject, StageContext } from '../stage.js';

/** Which measurements are the best: the mean of so many of their weights is what a training ends with. */
export interface Best {
  readonly count: number;
  /** The measurement to choose by; greater is better. */
  readonly metric: string;
}

type Evaluation = Readonly<Record<string, Measured>>;

const folderOf = ({ folder }: StageContext): string => join(folder, 'best');

/** Keeps the weights of a measurement where they are among the best so far. They must be the ones in place. */
export async function offerBest(
  context: StageContext,
  { count, metric }: Best,
  params: ParamTree,
  step: number,
  measured: Evaluation,
): Promise<void> {
  await keepBest(folderOf(context), { step, score: measured[metric]?.value ?? NaN, params, count });
}

/** What averaging gave. */
export interface Averaged {
  readonly measured: Evaluation;
  readonly made: Artifact;
  readonly summary: JsonObject;
}

/** Puts the mean of the best weights in place and measures it; nothing where no measurement was a number. */
export async function averageBest(
  context: StageContext,
  { metric }: Best,
  params: ParamTree,
  evaluate: () => Promise<Evaluation>,
): Promise<Averaged | undefined> {
  const kept = await bestOf(folderOf(context));
  if (kept.length === 0) {
    context.output.warn(`no measurement of ${metric} is a number: ends with the last weights, not with the best`);
    return undefined;
  }
  await averageParams(
    kept.map(({ file }) => file),
    params,
  );
  const measured = await evaluate();
  const steps = kept.map(({ step, score }) => `${step} (${formatNumber(score)})`).join(', ');
  const mean = formatNumber(measured[metric]?.value ?? NaN);
  return {
    measured,
    made: { path: folderOf(context), about: `weights of the best measurements of ${metric}` },
    summary: { 'mean of the weights after steps': `${steps}: ${metric} ${mean}` },
  };
}
