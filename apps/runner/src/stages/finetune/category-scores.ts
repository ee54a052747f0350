import { categoryScore, classScores, confusion, level1, type Measured } from '@wbdc/metrics';
import type { Json } from '../../stage.js';

/** What scores.json says of predicted categories. */
export type CategoryDetails = { readonly [key: string]: Json | undefined };

export interface CategoryJudgement {
  readonly measured: Readonly<Record<string, Measured>>;
  readonly details: CategoryDetails;
}

/** Scores of predictions beside those of always saying the most frequent class, with confusion and every class. */
export function judge(truth: readonly string[], predicted: readonly string[], majority: string): CategoryJudgement {
  if (truth.length === 0) return { measured: {}, details: {} };
  const [score, baseline] = [
    categoryScore(truth, predicted),
    categoryScore(
      truth,
      truth.map(() => majority),
    ),
  ];
  const names = Object.keys(score) as (keyof typeof score)[];
  const measured = Object.fromEntries(
    names.map((name) => [name === 'mean' ? 'score' : name, { value: score[name], baseline: baseline[name] }]),
  );
  const details = {
    videos: truth.length,
    score,
    baseline,
    majority,
    confusionByLevel1: confusion(truth.map(level1), predicted.map(level1)),
    classes: classScores(truth, predicted),
  };
  return { measured, details: JSON.parse(JSON.stringify(details)) as CategoryDetails };
}

export function mostFrequent(labels: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}
