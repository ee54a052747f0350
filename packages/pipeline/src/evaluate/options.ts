import type { PlainLabelled, PlainVideo } from '@wbdc/finetune';
import { bootstrap, pairedDifference, percentileInterval, type CountedStatistic } from '@wbdc/metrics';
import type { Difference, EvaluatedModel } from './kinds.js';

export interface EvaluateOptions {
  /** Resamples of the bootstrap; 2,000. */
  readonly samples?: number | undefined;
  /** Of the intervals; 0.95. */
  readonly confidence?: number | undefined;
  readonly seed?: number | undefined;
  /**
   * What the bootstrap of pairs draws: `videos` (default), with all pairs of those that are drawn, because pairs of one
   * video are no independent measurements; or `pairs` as if they were, which gives narrower intervals.
   */
  readonly unit?: 'videos' | 'pairs' | undefined;
  /** Texts and frames by id, for baselines. */
  readonly videos?: ReadonlyMap<string, PlainVideo> | undefined;
  /** Labelled videos, for baselines of categories. */
  readonly train?: readonly PlainLabelled[] | undefined;
  readonly onWarning?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The settings of the bootstrap, with their defaults. */
export function bootstrapOf({ samples = 2000, confidence = 0.95, seed = 0 }: Omit<EvaluateOptions, 'train'>) {
  return { samples, confidence, seed };
}

/** Why there are no baselines of letters and frames, in words for people. */
export function withoutTexts(missing: number, of: number): string {
  const whose = missing === of ? 'the videos' : `${missing} of ${of} videos`;
  return `no baselines of letters and frames: the texts of ${whose} are not known; name their annotations or data set`;
}

/** A model or baseline before its intervals. */
export interface Measurable {
  readonly name: string;
  readonly path?: string;
  readonly statistic: CountedStatistic;
}

interface EstimateOptions extends Omit<EvaluateOptions, 'train'> {
  readonly models: readonly Measurable[];
  readonly baselines: readonly Measurable[];
  readonly official: string;
  /** How many units are drawn from. */
  readonly units: number;
  /** From drawn units to how often each item counts. */
  readonly draw: (units: ArrayLike<number>) => ArrayLike<number>;
}

/** Measures all on the same resamples, and compares each with the first model and with the strongest baseline. */
export function estimateAll(options: EstimateOptions): { models: EvaluatedModel[]; baselines: EvaluatedModel[] } {
  const { models, baselines, official, units, draw, signal } = options;
  const { samples, confidence, seed } = bootstrapOf(options);
  const once = Float64Array.from(draw(new Uint32Array(units).fill(1)));
  const estimated = [...models, ...baselines].map(({ name, path, statistic }): Estimated => ({
    ...{ name, path },
    values: statistic(once),
    drawn: bootstrap(units, (counts) => statistic(draw(counts)), { samples, seed, signal }),
  }));
  const difference = (one: Estimated, other: Estimated): Difference => ({
    value: one.values[official] - other.values[official],
    ...pairedDifference(one.drawn[official], other.drawn[official], confidence),
  });
  const best = estimated
    .slice(models.length)
    .filter(({ values }) => !Number.isNaN(values[official]))
    .reduce<Estimated | undefined>(
      (found, one) => (found === undefined || one.values[official] > found.values[official] ? one : found),
      undefined,
    );
  const evaluated = estimated.map((one, m): EvaluatedModel => ({
    name: one.name,
    ...(one.path !== undefined && { path: one.path }),
    measures: Object.fromEntries(
      Object.entries(one.values).map(([measure, value]) => [
        measure,
        { value, ...percentileInterval(one.drawn[measure], confidence) },
      ]),
    ),
    ...(m > 0 && { difference: difference(one, estimated[0]) }),
    ...(m < models.length && best && { overBaseline: { baseline: best.name, ...difference(one, best) } }),
  }));
  return { models: evaluated.slice(0, models.length), baselines: evaluated.slice(models.length) };
}

interface Estimated {
  readonly name: string;
  readonly path: string | undefined;
  readonly values: Readonly<Record<string, number>>;
  readonly drawn: Readonly<Record<string, Float64Array>>;
}
