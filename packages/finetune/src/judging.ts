import {
  besideBaselines,
  categoryScore,
  classScores,
  confusion,
  level1,
  meanSquaredError,
  spearman,
  type CategoryScore,
  type ClassScore,
  type Confusion,
  type Measured,
} from '@wbdc/metrics';

/** Scores of predicted categories. */
export interface CategoryScores {
  readonly videos: number;
  readonly score: CategoryScore;
  /** Of always predicting `majority`. */
  readonly baseline: CategoryScore;
  readonly majority: string;
  /** Of all that needs no model, by name; see `categoryBaselines`. */
  readonly baselines?: Readonly<Record<string, CategoryScore>>;
  readonly confusionByLevel1: Confusion;
  readonly classes: readonly ClassScore[];
}

/**
 * Scores of predictions beside those of always predicting the most frequent class; nothing of no videos.
 *
 * @param baselines scores of what else needs no model
 */
export function judgeCategories(
  truth: readonly string[],
  predicted: readonly string[],
  majority: string,
  baselines?: Readonly<Record<string, CategoryScore>>,
): CategoryScores | undefined {
  if (truth.length === 0) return undefined;
  const constant = truth.map(() => majority);
  return {
    videos: truth.length,
    score: categoryScore(truth, predicted),
    baseline: categoryScore(truth, constant),
    majority,
    ...(baselines && { baselines }),
    confusionByLevel1: confusion(truth.map(level1), predicted.map(level1)),
    classes: classScores(truth, predicted),
  };
}

/** The score and its four parts, each with its baselines. */
export function measuredCategories({ score, baseline, baselines }: CategoryScores): Record<string, Measured> {
  const names = Object.keys(score) as (keyof CategoryScore)[];
  const measured = (name: keyof CategoryScore): Measured => {
    if (baselines === undefined) return { value: score[name], baseline: baseline[name] };
    const own = Object.entries(baselines).map(([which, reached]) => [which, reached[name]] as const);
    return besideBaselines(score[name], Object.fromEntries(own));
  };
  return Object.fromEntries(names.map((name) => [name === 'mean' ? 'score' : name, measured(name)]));
}

/** The most frequent of labels, of equally frequent ones the first. */
export function mostFrequent(labels: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

/**
 * Spearman with the scores, beside that of what needs no model, and the squared error of the targets beside that of a
 * constant.
 */
export function judgeCosines(
  cosines: Float64Array,
  scores: Float64Array,
  {
    target,
    constant,
    baselines = {},
  }: {
    readonly target: (score: number) => number;
    readonly constant: number;
    /** Spearman of each by name; see `pairBaselines`. */
    readonly baselines?: Readonly<Record<string, number>>;
  },
): { readonly spearman: Measured; readonly mse: Measured } {
  const targets = Float64Array.from(scores, target);
  const mse = (values: Float64Array): number => meanSquaredError(values, targets);
  return {
    spearman: besideBaselines(spearman(cosines, scores), baselines),
    mse: { value: mse(cosines), baseline: mse(targets.map(() => constant)) },
  };
}
