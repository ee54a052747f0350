import { categoryBaselines, mostFrequent } from '@wbdc/finetune';
import type { PredictedCategories } from '@wbdc/finetune/node';
import { WbdcError } from '@wbdc/io/errors';
import {
  calibration,
  classScores,
  confusion,
  countedCategoryScore,
  level1,
  properScores,
  topAccuracies,
  type CountedStatistic,
} from '@wbdc/metrics';
import { counted } from '@wbdc/report/format';
import type { CategoryEvaluation, EvaluatedCategories } from './kinds.js';
import { bootstrapOf, estimateAll, withoutTexts, type EvaluateOptions, type Measurable } from './options.js';

export interface EvaluateCategoriesOptions extends EvaluateOptions {
  readonly models: readonly PredictedCategories[];
  /** Categories by id. */
  readonly labels: ReadonlyMap<string, string>;
  /** Where they are from. */
  readonly truth: string;
}

/**
 * Measures predicted categories: WBDC's score and its four parts, where probabilities are known also the log loss, the
 * Brier score, the five most probable and the calibration, with bootstrap intervals, beside what needs no model; every
 * model is compared with the first one on the same resamples.
 *
 * @throws WbdcError where no video of the truth was predicted
 */
export function evaluateCategories(options: EvaluateCategoriesOptions): CategoryEvaluation {
  const { models, truth, labels } = options;
  const ids = predictedIds(options);
  const right = ids.map((id) => labels.get(id)!);
  const rows = models.map((model) => rowsOf(model, ids));
  const baselines = Object.entries(categoriesWithoutModel(options, ids, right));
  const measured = estimateAll({
    ...options,
    ...{ official: 'score', units: ids.length, draw: (counts: ArrayLike<number>) => counts },
    models: models.map(({ name, path }, m): Measurable => ({
      ...{ name, path },
      statistic: statisticOf(rows[m], right),
    })),
    baselines: baselines.map(([name, said]): Measurable => {
      const score = countedCategoryScore(right, said);
      return { name, statistic: (counts) => named(score(counts)) };
    }),
  });
  return {
    kind: 'categories',
    official: 'score',
    truth: { path: truth, measured: ids.length, unpredicted: labels.size - ids.length },
    bootstrap: { ...bootstrapOf(options), unit: 'videos' },
    models: models.map((_, m) => ({ ...measured.models[m], ...detailsOf(rows[m], right) })),
    baselines: measured.baselines,
  };
}

/** What a model says of the measured videos, in their order. */
interface Said {
  readonly predicted: readonly string[];
  /** Of the chosen ones. */
  readonly confidence?: Float64Array;
  /** Of all `[N, C]`, with the classes. */
  readonly probabilities?: { readonly values: Float64Array; readonly truth: (labels: readonly string[]) => Int32Array };
}

function rowsOf({ ids, predicted, confidence, probabilities }: PredictedCategories, asked: readonly string[]): Said {
  const index = new Map(ids.map((id, i) => [id, i]));
  const rows = asked.map((id) => index.get(id)!);
  if (probabilities === undefined) {
    return {
      predicted: rows.map((row) => predicted[row]),
      ...(confidence && { confidence: Float64Array.from(rows, (row) => confidence[row]) }),
    };
  }
  const { classes, values } = probabilities;
  const own = new Float64Array(rows.length * classes.length);
  rows.forEach((row, i) => {
    const line = Float64Array.from(values.subarray(row * classes.length, (row + 1) * classes.length));
    const sum = line.reduce((total, value) => total + value, 0); // they were rounded when they were written
    own.set(sum > 0 ? line.map((value) => value / sum) : line, i * classes.length);
  });
  const place = new Map(classes.map((name, i) => [name, i]));
  const chosen = rows.map((row) => predicted[row]);
  return {
    predicted: chosen,
    confidence: Float64Array.from(chosen, (name, i) => Math.min(1, own[i * classes.length + place.get(name)!])),
    probabilities: {
      values: own,
      truth: (labels) => Int32Array.from(labels, (label) => place.get(label) ?? -1),
    },
  };
}

/** WBDC's score and its parts, and means over the videos of what probabilities say. */
function statisticOf({ predicted, probabilities }: Said, right: readonly string[]): CountedStatistic {
  const score = countedCategoryScore(right, predicted);
  if (probabilities === undefined) return (counts) => named(score(counts));
  const { values } = probabilities;
  const truth = probabilities.truth(right);
  const width = values.length / truth.length;
  const means: Record<string, number[]> = { top5: [], logLoss: [], brier: [] };
  truth.forEach((label, row) => {
    const line = values.subarray(row * width, (row + 1) * width);
    const { logLoss, brier } = properScores(line, [label]);
    means['logLoss'].push(logLoss);
    means['brier'].push(brier);
    means['top5'].push(topAccuracies(line, [label], [5])[0]);
  });
  return (counts) => ({
    ...named(score(counts)),
    ...Object.fromEntries(Object.entries(means).map(([name, list]) => [name, countedMean(list, counts)])),
  });
}

function countedMean(values: readonly number[], counts: ArrayLike<number>): number {
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += counts[i] * values[i];
    total += counts[i];
  }
  return sum / total;
}

function named({ mean, ...parts }: ReturnType<ReturnType<typeof countedCategoryScore>>): Record<string, number> {
  return { score: mean, ...parts };
}

function detailsOf({ predicted, confidence }: Said, right: readonly string[]) {
  const hits = right.map((label, i) => Number(label === predicted[i]));
  const details: Pick<EvaluatedCategories, 'confusionByLevel1' | 'mostConfused' | 'classes'> = {
    confusionByLevel1: confusion(right.map(level1), predicted.map(level1)),
    mostConfused: mostConfused(right, predicted),
    classes: classScores(right, predicted),
  };
  return { ...details, ...(confidence && { calibration: calibration(confidence, hits) }) };
}

function mostConfused(right: readonly string[], predicted: readonly string[], most = 20) {
  const counts = new Map<string, number>();
  right.forEach((label, i) => {
    const key = `${label} ${predicted[i]}`;
    if (label !== predicted[i]) counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  return [...counts]
    .sort(([a, few], [b, many]) => many - few || (a < b ? -1 : 1))
    .slice(0, most)
    .map(([key, count]) => {
      const [truth, said] = key.split(' ');
      return { truth, predicted: said, count };
    });
}

/** Videos of the truth that every model has predicted. */
function predictedIds({ models, labels, truth, onWarning }: EvaluateCategoriesOptions): string[] {
  const known = models.map(({ ids }) => new Set(ids));
  const ids = [...labels.keys()].filter((id) => known.every((some) => some.has(id)));
  if (ids.length === 0) {
    throw new WbdcError({ where: truth, expected: 'categories of videos that were predicted', got: 'none of them' });
  }
  if (ids.length < labels.size) {
    onWarning?.(`${counted(labels.size - ids.length, 'video')} of ${labels.size} left out: not predicted`);
  }
  return ids;
}

/**
 * Which categories videos get without a model, by name. What is missing is told: without labelled videos to learn from
 * only the most frequent category of the truth is left, and without the texts of those that are measured that of the
 * labelled ones.
 */
export function categoriesWithoutModel(
  { train = [], videos, onWarning }: Pick<EvaluateOptions, 'train' | 'videos' | 'onWarning'>,
  ids: readonly string[],
  right: readonly string[],
): Record<string, readonly string[]> {
  if (train.length === 0) {
    onWarning?.('no baselines of letters and frames: no labelled videos to learn from are known; name their data set');
    const majority = mostFrequent(right);
    return { 'the most frequent category of the truth': right.map(() => majority) };
  }
  const missing = ids.filter((id) => !videos?.has(id)).length;
  if (missing === ids.length) {
    onWarning?.(withoutTexts(missing, ids.length));
    const majority = mostFrequent(train.map(({ category }) => category));
    return { 'the most frequent category': right.map(() => majority) };
  }
  if (missing > 0) {
    const of = `${missing} of ${ids.length} videos`;
    onWarning?.(`the texts of ${of} are not known: baselines take the most frequent category for them`);
  }
  return categoryBaselines(
    train,
    ids.map((id) => videos?.get(id) ?? { title: '', texts: '' }),
  );
}
