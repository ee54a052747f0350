import { join } from 'node:path';
import { finetuneFiles, readCategoryScores, readSimilarityScores } from '@wbdc/finetune/node';
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

interface Reached {
  readonly value: number;
  /** On the validation pairs of the training videos. */
  readonly validation?: number | undefined;
}

/** What is measured of a half, and how its scores are read. */
const MEASURES: Readonly<Record<Half, { readonly name: string; readonly read: (path: string) => Promise<Reached> }>> = {
  aiac: {
    name: 'held-out Spearman',
    read: async (path) => {
      const { spearman, 'validation/spearman': validation } = await readSimilarityScores(path);
      return { value: spearman?.value ?? NaN, validation: validation?.value };
    },
  },
  wbdc: {
    name: 'held-out score',
    read: async (path) => ({ value: (await readCategoryScores(path)).score.mean }),
  },
};

/** Gathers the trials of a half. */
export async function gatherEvidence(root: string, half: Half): Promise<Evidence> {
  const { name: measure, read } = MEASURES[half];
  const trials: TrialResult[] = [];
  for (const trial of TRIALS[half]) {
    const runs = SEEDS.map((seed) => join(root, trialName(half, trial, seed), 'finetune'));
    const reached = await Promise.all(runs.map((folder) => read(finetuneFiles(folder).scores)));
    const values = reached.map(({ value }) => value);
    const validations = reached.flatMap(({ validation }) => validation ?? []);
    trials.push({
      ...summarize(trial, values, trials[0]?.values),
      ...(validations.length > 0 && { validation: meanAndSpread(validations).mean }),
    });
  }
  return { half, measure, trials };
}

/** Mean and spread of a trial, and of its differences from the plain one. */
function summarize(
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
