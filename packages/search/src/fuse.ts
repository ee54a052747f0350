/** A ranking: ids, the best first. */
export type Ranking = readonly string[];

/** Of the paper below: what keeps the first ranks from deciding alone. */
const DAMPING = 60;

/**
 * Reciprocal rank fusion: an item's score is the sum over the rankings of `weight / (60 + rank)`, ranks from 1. It
 * needs no common scale of the rankings' own scores, which cosines and BM25 do not have. Cormack, Clarke and Büttcher
 * 2009, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods".
 *
 * @param weights of the rankings, all 1 by default
 * @returns ids with their scores, the best first; equal scores in the order in which they were met
 */
export function fuseRankings(
  rankings: readonly Ranking[],
  weights: readonly number[] = rankings.map(() => 1),
): { readonly id: string; readonly score: number }[] {
  const scores = new Map<string, number>();
  rankings.forEach((ranking, i) => {
    ranking.forEach((id, place) => scores.set(id, (scores.get(id) ?? 0) + weights[i] / (DAMPING + place + 1)));
  });
  return [...scores].map(([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
}
