/**
 * Average precision of a ranking by score, highest first: the mean, over the relevant items, of the share of relevant
 * items down to each. Equal scores rank in the order given. `relevant` holds at least one 1.
 */
export function averagePrecision(scores: ArrayLike<number>, relevant: ArrayLike<number>): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
  let hits = 0;
  let sum = 0;
  order.forEach((item, rank) => {
    if (relevant[item] === 1) sum += ++hits / (rank + 1);
  });
  return sum / hits;
}

/**
 * Share of the N queries `[N, D]` whose own item (the same row of `items`) is among the K with the largest inner
 * product; ties count against the query.
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
    let better = 0;
    for (let item = 0; item < count; item++) if (item !== query && score(query, item) >= own) better++;
    ks.forEach((k, i) => (hits[i] += better < k ? 1 : 0));
  }
  return hits.map((hit) => hit / count);
}
