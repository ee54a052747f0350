/**
 * Average precision of a ranking by score, highest first: scikit-learn's `average_precision_score`, which sums the
 * precision at every distinct score, weighted by the recall that it adds. Items of equal scores count together: no
 * order of theirs is better than another. NaN where a score is NaN or no item is relevant (1).
 */
export function averagePrecision(scores: ArrayLike<number>, relevant: ArrayLike<number>): number {
  if (Array.prototype.some.call(scores, Number.isNaN)) return NaN;
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => compare(scores[b], scores[a]));
  let hits = 0;
  let sum = 0;
  for (let from = 0; from < order.length;) {
    let to = from;
    let found = 0;
    for (; to < order.length && scores[order[to]] === scores[order[from]]; to++)
      found += Number(relevant[order[to]] === 1);
    hits += found;
    sum += (found * hits) / to;
    from = to;
  }
  return sum / hits;
}

/** By comparison: the difference of two infinities is no order. */
function compare(a: number, b: number): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * Share of the N queries `[N, D]` whose own item (the same row of `items`) is among the K with the largest inner
 * product. Ties count against the query, and so does NaN on either side.
 */
export function recallAt(queries: Float32Array, items: Float32Array, count: number, ks: readonly number[]): number[] {
  const width = queries.length / count;
  const score = (query: number, item: number): number => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += queries[query * width + i] * items[item * width + i];
    return sum;
  };
  const hits = ks.map(() => 0);
  for (let query = 0; query < count; query++) {
    const own = score(query, query);
    if (Number.isNaN(own)) continue;
    let better = 0;
    for (let item = 0; item < count; item++) if (item !== query && !(score(query, item) < own)) better++;
    ks.forEach((k, i) => (hits[i] += better < k ? 1 : 0));
  }
  return hits.map((hit) => hit / count);
}
