import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { meanAndSpread } from '@wbdc/metrics';
import { SEEDS, trialName, TRIALS, type Half, type Trial } from './plan.js';

/** What a trial reached, over the seeds. */
export interface TrialResult extends Pick<Trial, 'name' | 'about' | 'published'> {
  /** On held-out videos, in the order of the seeds. */
  readonly values: readonly number[];
  readonly mean: number;
  /** Standard deviation over the seeds. */
  readonly spread?: number;
  /** Against the plain finetuning with the same seeds: mean and standard deviation of the differences. */
  readonly gain?: number;
  readonly gainSpread?: number | undefined;
  /** Mean on the validation pairs of the training videos, where there are any. */
  readonly validation?: number;
}

export interface Evidence {
  readonly half: Half;
  readonly measure: string;
  /** The plain finetuning first. */
  readonly trials: readonly TrialResult[];
}

type Scores = Readonly<Record<string, { readonly value?: number; readonly mean?: number } | undefined>>;

/** Where the number of a half stands in scores.json. */
const MEASURES: Readonly<Record<Half, { readonly name: string; readonly of: (scores: Scores) => number | undefined }>> =
  {
    aiac: { name: 'held-out Spearman', of: ({ spearman }) => spearman?.value },
    wbdc: { name: 'held-out score', of: ({ score }) => score?.mean },
  };

/** Gathers the trials of a half. */
export async function gatherEvidence(root: string, half: Half): Promise<Evidence> {
  const { name: measure, of } = MEASURES[half];
  const trials: TrialResult[] = [];
  for (const trial of TRIALS[half]) {
    const scores = await Promise.all(SEEDS.map((seed) => readScores(root, trialName(half, trial, seed))));
    const values = scores.map((one) => of(one) ?? NaN);
    const validation = scores.flatMap((one) => one['validation/spearman']?.value ?? []);
    trials.push({
      ...summarize(trial, values, trials[0]?.values),
      ...(validation.length > 0 && { validation: meanAndSpread(validation).mean }),
    });
  }
  return { half, measure, trials };
}

/** Mean and spread of a trial, and of its differences from the plain one. */
export function summarize(
  { name, about, published }: Trial,
  values: readonly number[],
  plain: readonly number[] | undefined,
): TrialResult {
  const gains = plain && meanAndSpread(values.map((value, i) => value - plain[i]));
  return {
    name,
    about,
    ...(published !== undefined && { published }),
    values,
    ...meanAndSpread(values),
    ...(gains && { gain: gains.mean, gainSpread: gains.spread }),
  };
}

async function readScores(root: string, run: string): Promise<Scores> {
  return JSON.parse(await readFile(join(root, run, 'finetune', 'scores.json'), 'utf8')) as Scores;
}
