import { averageRanks } from '@wbdc/ensemble-svd';

/**
 * Similarity labels as ranks between 0 and 1: average ranks over all training pairs, then min-max. The cosine is trained
 * towards them because the metric reads ranks alone; worth 0.006 of Spearman in the published ablation.
 * @throws RangeError when all scores are equal: they rank nothing
 */
export function rankNormalize(scores: ArrayLike<number>): Float64Array {
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
