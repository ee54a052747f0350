/** Predictions of about the same confidence. */
export interface CalibrationBin {
  /** Confidences in `(from, to]`; the first bin has 0 too. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Means; NaN of an empty bin. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** How far probabilities are what they say. */
export interface Calibration {
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error (Naeini 2015, Guo 2017): mean of |accuracy - confidence|, bins by their counts. */
  readonly ece: number;
  /** The largest of them. */
  readonly mce: number;
}

/**
 * Reliability in bins of equal width, as scikit-learn's `calibration_curve(strategy='uniform')`.
 *
 * @param confidences probabilities of what was predicted
 * @param right 1 where that is true, 0 elsewhere
 * @throws RangeError on other values, and on a count of bins that is none
 */
export function calibration(confidences: ArrayLike<number>, right: ArrayLike<number>, bins = 10): Calibration {
  if (confidences.length !== right.length || right.length === 0) {
    throw new RangeError(`expected two lists of the same length from 1, got ${confidences.length} and ${right.length}`);
  }
  if (!(Number.isInteger(bins) && bins > 0)) throw new RangeError(`expected a count of bins from 1, got ${bins}`);
  const [count, confidence, hits] = [0, 1, 2].map(() => new Float64Array(bins));
  for (let i = 0; i < right.length; i++) {
    const p = confidences[i];
    if (!(p >= 0 && p <= 1)) throw new RangeError(`expected probabilities, got ${p}`);
    if (right[i] !== 0 && right[i] !== 1) throw new RangeError(`expected 0 or 1 for right, got ${right[i]}`);
    const bin = binOf(p, bins);
    count[bin]++;
    confidence[bin] += p;
    hits[bin] += right[i];
  }
  const rows = Array.from(count, (many, b) => ({
    from: b / bins,
    to: (b + 1) / bins,
    count: many,
    confidence: confidence[b] / many,
    accuracy: hits[b] / many,
  }));
  const used = rows.filter((row) => row.count > 0);
  const apart = used.map((row) => Math.abs(row.accuracy - row.confidence));
  return {
    bins: rows,
    ece: apart.reduce((sum, gap, b) => sum + (gap * used[b].count) / right.length, 0),
    mce: Math.max(...apart),
  };
}

/** The bin whose upper edge is the first that is not below. */
function binOf(p: number, bins: number): number {
  let bin = Math.min(bins - 1, Math.max(0, Math.ceil(p * bins) - 1));
  // By the edges themselves: a product may round across one.
  while (bin > 0 && p <= bin / bins) bin--;
  while (bin < bins - 1 && p > (bin + 1) / bins) bin++;
  return bin;
}

/** Scores of probabilities that only the true ones make best. */
export interface ProperScores {
  /** Mean of -ln p of the truth: scikit-learn's `log_loss`, p no smaller than the spacing of doubles. */
  readonly logLoss: number;
  /** Mean squared distance to the truth, 0 to 2: scikit-learn's `brier_score_loss` of several classes. */
  readonly brier: number;
}

/**
 * @param probabilities `[N, C]`, rows that sum to 1
 * @param truth indices of the true classes `[N]`; -1 of one that is none of them, which has probability 0
 * @throws RangeError on rows that are no probabilities, or do not sum to 1 as float32 rounds, and on other classes
 */
export function properScores(probabilities: ArrayLike<number>, truth: ArrayLike<number>): ProperScores {
  const width = widthOf(probabilities, truth);
  let [logLoss, brier] = [0, 0];
  for (let row = 0; row < truth.length; row++) {
    assertDistribution(probabilities, row * width, width);
    let squares = truth[row] < 0 ? 1 : 0;
    for (let c = 0; c < width; c++) {
      squares += (probabilities[row * width + c] - (c === truth[row] ? 1 : 0)) ** 2;
    }
    const p = truth[row] < 0 ? 0 : probabilities[row * width + truth[row]];
    logLoss -= Math.log(Math.min(1, Math.max(Number.EPSILON, p)));
    brier += squares;
  }
  return { logLoss: logLoss / truth.length, brier: brier / truth.length };
}

/**
 * Share of rows whose truth is among the k most probable classes, for each k: scikit-learn's `top_k_accuracy_score`
 * without its luck: of equal probabilities the truth comes last, and so it does of NaN.
 *
 * @param probabilities `[N, C]`; `truth` as of {@link properScores}
 */
export function topAccuracies(
  probabilities: ArrayLike<number>,
  truth: ArrayLike<number>,
  ks: readonly number[],
): number[] {
  const width = widthOf(probabilities, truth);
  const hits = ks.map(() => 0);
  for (let row = 0; row < truth.length; row++) {
    if (truth[row] < 0) continue;
    const own = probabilities[row * width + truth[row]];
    if (Number.isNaN(own)) continue;
    let better = 0;
    for (let c = 0; c < width; c++) {
      if (c !== truth[row] && !(probabilities[row * width + c] < own)) better++;
    }
    ks.forEach((k, i) => (hits[i] += better < k ? 1 : 0));
  }
  return hits.map((hit) => hit / truth.length);
}

function widthOf(probabilities: ArrayLike<number>, truth: ArrayLike<number>): number {
  const width = probabilities.length / truth.length;
  if (!(Number.isInteger(width) && width > 0)) {
    throw new RangeError(`expected [${truth.length}, C] probabilities, got ${probabilities.length} values`);
  }
  for (let row = 0; row < truth.length; row++) {
    const known = Number.isInteger(truth[row]) && truth[row] >= -1 && truth[row] < width;
    if (!known) throw new RangeError(`expected true classes from 0 to ${width - 1}, or -1, got ${truth[row]}`);
  }
  return width;
}

function assertDistribution(probabilities: ArrayLike<number>, start: number, width: number): void {
  let sum = 0;
  for (let c = 0; c < width; c++) {
    const p = probabilities[start + c];
    if (!(p >= 0 && p <= 1 + TOLERANCE)) throw new RangeError(`expected probabilities, got ${p}`);
    sum += p;
  }
  if (Math.abs(sum - 1) > TOLERANCE) throw new RangeError(`expected rows that sum to 1, got ${sum}`);
}

/** How far a sum of float32, or of a file's six decimals, may be from 1. */
const TOLERANCE = 1e-3;
