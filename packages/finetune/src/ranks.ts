import { averageRanks } from '@wbdc/metrics';

/**
 * Similarity labels as ranks between 0 and 1: average ranks over all training pairs, then min-max. The cosine is
 * trained towards them because the metric reads ranks alone; worth 0.006 of Spearman in the published ablation.
 * @throws RangeError when all scores are equal, or one is NaN: they rank nothing
 */
export function rankNormalize(scores: ArrayLike<number>): Float64Array {
  const bad = Array.from(scores).findIndex(Number.isNaN);
  if (bad >= 0) throw new RangeError(`expected scores that are numbers, got NaN at place ${bad}`);
  const ranks = averageRanks(scores);
  const least = ranks.reduce((a, b) => Math.min(a, b), Infinity);
  const range = ranks.reduce((a, b) => Math.max(a, b), -Infinity) - least;
  if (!(range > 0)) {
    throw new RangeError(
      `expected scores that differ, got ${scores.length} of the same value: there is nothing to rank`,
    );
  }
  return ranks.map((rank) => (rank - least) / range);
}

/**
 * From a score to what the cosine should be: its rank among the training scores, brought to 0..1 as by
 * {@link rankNormalize}. Scores that training did not have lie between those of their neighbours, or at 0 or 1.
 */
export function rankLabeller(training: ArrayLike<number>): (score: number) => number {
  const ranks = rankNormalize(training);
  const known = [...new Map(Array.from(training, (score, i) => [score, ranks[i]]))].sort(([a], [b]) => a - b);
  return (score) => {
    const above = known.findIndex(([value]) => value >= score);
    if (above < 0) return 1;
    const [[high, top], [low, bottom]] = [known[above], known[Math.max(0, above - 1)]];
    return high === low ? top : bottom + ((top - bottom) * (Math.max(score, low) - low)) / (high - low);
  };
}
