/** A class index, or probabilities of all classes: an ensemble's opinion, for distillation. */
export type Label = number | ArrayLike<number>;

/** How far the sum of given probabilities may be from 1: they may have been rounded. */
const TOLERANCE = 0.01;

/**
 * Rows of target probabilities `[B, C]`: those given, or 1 at the class, smoothed. Smoothing spreads a share of the
 * truth over all classes (Szegedy et al., arXiv 1512.00567); a teacher's probabilities are soft already and stay.
 */
export function targetRows(labels: ArrayLike<Label>, classes: number, smoothing: number): Float32Array {
  const targets = new Float32Array(labels.length * classes);
  Array.from(labels).forEach((label, row) => {
    const values = targets.subarray(row * classes, (row + 1) * classes);
    if (typeof label === 'number') setClass(values, label, smoothing, row);
    else setProbabilities(values, label, row);
  });
  return targets;
}

function setClass(row: Float32Array, label: number, smoothing: number, index: number): void {
  if (!(Number.isInteger(label) && label >= 0 && label < row.length)) {
    throw new RangeError(`category: expected labels in [0, ${row.length}), got ${label} in row ${index}`);
  }
  row.fill(smoothing / row.length);
  row[label] += 1 - smoothing;
}

function setProbabilities(row: Float32Array, label: ArrayLike<number>, index: number): void {
  if (label.length !== row.length) {
    throw new RangeError(`category: expected ${row.length} probabilities, got ${label.length} in row ${index}`);
  }
  row.set(label);
  const sum = row.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) <= TOLERANCE && row.every((p) => p >= 0)) return;
  throw new RangeError(`category: expected probabilities with sum 1, got a sum of ${sum} in row ${index}`);
}

/** The class of the largest value in each row `[N, C]`; of equals the first. */
export function largestInRows(values: ArrayLike<number>, classes: number): Int32Array {
  return Int32Array.from({ length: values.length / classes }, (_, row) => {
    let best = row * classes;
    for (let i = best; i < (row + 1) * classes; i++) if (values[i] > values[best]) best = i;
    return best - row * classes;
  });
}

/** Shares of the rows in a mean `[B]`, sum 1: equal, or by weights. */
export function rowShares(rows: number, weights?: ArrayLike<number>): Float32Array {
  if (weights === undefined) return new Float32Array(rows).fill(1 / rows);
  const given = Float64Array.from(weights);
  const total = given.reduce((a, b) => a + b, 0);
  if (given.length === rows && total > 0 && given.every((w) => w >= 0))
    return Float32Array.from(given, (w) => w / total);
  throw new RangeError(`expected ${rows} weights of 0 or more, not all 0, got [${given.join(', ')}]`);
}
