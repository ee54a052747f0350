/**
 * Ranks from 1, equal values sharing the average of theirs: scipy's `rankdata(values, 'average')`. With a NaN among the
 * values nothing has an order: all ranks are NaN.
 */
export function averageRanks(values: ArrayLike<number>): Float64Array {
  const own = Float64Array.from(values);
  const ranks = new Float64Array(own.length);
  if (own.some(Number.isNaN)) return ranks.fill(NaN);
  // No subtraction: the difference of two infinities is no order.
  const order = Uint32Array.from(own.keys()).sort((a, b) => (own[a] < own[b] ? -1 : Number(own[a] > own[b])));
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && own[order[to]] === own[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = (from + 1 + to) / 2;
    from = to;
  }
  return ranks;
}

/** Pearson's correlation, in [-1, 1]; NaN where one side is constant. */
export function pearson(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length || left.length === 0) {
    throw new RangeError(`expected two lists of the same length from 1, got ${left.length} and ${right.length}`);
  }
  if (isConstant(left) || isConstant(right)) return NaN;
  const [x, y] = [deviations(left), deviations(right)];
  let [both, squareLeft, squareRight] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    both += x[i] * y[i];
    squareLeft += x[i] * x[i];
    squareRight += y[i] * y[i];
  }
  return Math.max(-1, Math.min(1, both / Math.sqrt(squareLeft * squareRight)));
}

/**
 * Spearman's rank correlation with average ranks for ties, as scipy's `spearmanr`: NaN where one side is constant or
 * holds a NaN.
 */
export function spearman(left: ArrayLike<number>, right: ArrayLike<number>): number {
  return pearson(averageRanks(left), averageRanks(right));
}

/** By comparison: rounding may leave a constant a deviation from its mean. */
function isConstant(values: ArrayLike<number>): boolean {
  return Array.from(values).every((value) => value === values[0]);
}

/**
 * Deviations from the mean, as shares of the largest where their squares would leave the range of a double: a
 * correlation has no scale.
 */
function deviations(values: ArrayLike<number>): Float64Array {
  const scale = largest(Float64Array.from(values));
  const safe = scale > 1e-60 && scale < 1e60 ? 1 : scale;
  const scaled = Float64Array.from(values, (value) => value / safe);
  const mean = scaled.reduce((sum, value) => sum + value, 0) / scaled.length;
  const apart = scaled.map((value) => value - mean);
  const spread = largest(apart);
  return spread > 1e-60 ? apart : apart.map((value) => value / spread);
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
