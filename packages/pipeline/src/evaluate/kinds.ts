import type { Calibration, ClassScore, Confusion, Interval, PairedDifference } from '@wbdc/metrics';

/** A measurement with the interval of its bootstrap. */
export interface Estimate extends Interval {
  readonly value: number;
}

/** What one model, or a baseline, reaches. */
export interface EvaluatedModel {
  readonly name: string;
  /** The file of its predictions; none of a baseline. */
  readonly path?: string;
  readonly measures: Readonly<Record<string, Estimate>>;
  /** Against the first model, on the same resamples: of the official measure. */
  readonly difference?: Difference;
  /** Of a model: over the strongest baseline, on the same resamples. */
  readonly overBaseline?: Difference & { readonly baseline: string };
}

/** How much more is reached than by another one. */
export interface Difference extends PairedDifference {
  readonly value: number;
}

interface Evaluated {
  /** The measure that models are compared by: that of the competition where there was one. */
  readonly official: string;
  /** How the intervals were made. */
  readonly bootstrap: {
    readonly samples: number;
    readonly confidence: number;
    readonly seed: number;
    /** What was drawn. */
    readonly unit: 'videos' | 'pairs';
  };
  /** Of the truth: what was measured on, and how much of it the models do not predict. */
  readonly truth: { readonly path: string; readonly measured: number; readonly unpredicted: number };
}

/** A category model, with what only such have. */
export interface EvaluatedCategories extends EvaluatedModel {
  /** Of the chosen categories' probabilities; nothing where these are not known. */
  readonly calibration?: Calibration;
  readonly confusionByLevel1: Confusion;
  /** Level-2 categories that were most often taken for another one. */
  readonly mostConfused: readonly { readonly truth: string; readonly predicted: string; readonly count: number }[];
  readonly classes: readonly ClassScore[];
}

export interface CategoryEvaluation extends Evaluated {
  readonly kind: 'categories';
  readonly official: 'score';
  readonly models: readonly EvaluatedCategories[];
  /** What categories are called, of two digits and of four, where the data set says it. */
  readonly names?: Readonly<Record<string, string>>;
  readonly baselines: readonly EvaluatedModel[];
}

/** Pairs whose cosines are alike. */
export interface CosineBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly cosine: number;
  /** Mean of what people said, as ranks from 0 to 1. */
  readonly label: number;
}

export interface EvaluatedSimilarity extends EvaluatedModel {
  /** Tenths of the pairs by their cosines, with what people said of them. */
  readonly reliability: readonly CosineBin[];
  /** By what people said: how many pairs, their mean cosine and its standard deviation. */
  readonly byScore: readonly {
    readonly score: number;
    readonly count: number;
    readonly cosine: number;
    readonly deviation: number;
  }[];
}

export interface SimilarityEvaluation extends Evaluated {
  readonly kind: 'similarity';
  readonly official: 'spearman';
  readonly models: readonly EvaluatedSimilarity[];
  readonly baselines: readonly EvaluatedModel[];
}

export interface EvaluatedTags extends EvaluatedModel {
  /** Every tag that a video has or is said to have. */
  readonly tags: readonly ClassScore[];
}

export interface TagEvaluation extends Evaluated {
  readonly kind: 'tags';
  /** F1 where a model says only which tags it has chosen. */
  readonly official: 'mAP' | 'micro F1';
  readonly models: readonly EvaluatedTags[];
  readonly baselines: readonly EvaluatedModel[];
}

export type Evaluation = CategoryEvaluation | SimilarityEvaluation | TagEvaluation;
