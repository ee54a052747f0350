/**
 * Average precision of a ranking by score, highest first: scikit-learn's `average_precision_score`, which sums the
 * precision at every distinct score, weighted by the recall that it adds. Items of equal scores count together: no
 * order of theirs is better than another. NaN where a score is NaN or no item is relevant (1).
 *
 * @throws RangeError where there are not as many scores as items
 */
export function averagePrecision(scores: ArrayLike<number>, relevant: ArrayLike<number>): number {
  if (scores.length !== relevant.length) {
    throw new RangeError(`expected a score for each of ${relevant.length} items, got ${scores.length}`);
  }
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

/** Queries with an item of their own each among some. */
export interface RecallQuestion {
  readonly queries: number;
  readonly items: number;
  /** The item that a query looks for. */
  readonly own: (query: number) => number;
  /** How well an item fits a query. */
  readonly score: (query: number, item: number) => number;
  /** Whether another item is a right answer too, such as one that equals the query's own: it is no wrong one. */
  readonly isRight?: ((query: number, item: number) => boolean) | undefined;
}

/**
 * Share of the queries whose own item is among the K that fit best, for several K. Ties count against the query, and so
 * does NaN on either side; NaN without a query.
 */
export function recallBy(question: RecallQuestion, ks: readonly number[]): number[] {
  const { queries, own, score } = question;
  const hits = ks.map(() => 0);
  for (let query = 0; query < queries; query++) {
    const value = score(query, own(query));
    if (Number.isNaN(value)) continue;
    const better = countWrong(question, query, (item) => !(score(query, item) < value));
    ks.forEach((k, i) => (hits[i] += better < k ? 1 : 0));
  }
  return hits.map((hit) => hit / queries);
}

/** What {@link recallBy} is by chance: K of a query's own item and its wrong ones. */
export function recallByChance(question: Omit<RecallQuestion, 'score'>, ks: readonly number[]): number[] {
  const sums = ks.map(() => 0);
  for (let query = 0; query < question.queries; query++) {
    const wrong = countWrong(question, query, () => true);
    ks.forEach((k, i) => (sums[i] += Math.min(1, k / (wrong + 1))));
  }
  return sums.map((sum) => sum / question.queries);
}

function countWrong(
  { items, own, isRight }: Omit<RecallQuestion, 'score'>,
  query: number,
  counts: (item: number) => boolean,
): number {
  const wanted = own(query);
  let count = 0;
  for (let item = 0; item < items; item++) {
    if (item !== wanted && counts(item) && !isRight?.(query, item)) count++;
  }
  return count;
}

/**
 * Share of the N queries `[N, D]` whose own item (the same row of `items`) is among the K with the largest inner
 * product. Ties count against the query, and so does NaN on either side.
 *
 * @param isRight whether another item is a right answer too: equal ones are no wrong answers
 * @throws RangeError where the two tables do not have N rows of one width
 */
export function recallAt(
  queries: Float32Array,
  items: Float32Array,
  count: number,
  ks: readonly number[],
  isRight?: RecallQuestion['isRight'],
): number[] {
  const width = queries.length / count;
  if (count > 0 && !(Number.isInteger(width) && items.length === queries.length)) {
    throw new RangeError(
      `expected two tables of ${count} rows of one width, got ${queries.length} and ${items.length} values`,
    );
  }
  const score = (query: number, item: number): number => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += queries[query * width + i] * items[item * width + i];
    return sum;
  };
  return recallBy({ queries: count, items: count, own: (query) => query, score, isRight }, ks);
}
