import { addFour, addScaled, dot, dotFour } from './vector.js';

/** A symmetric tridiagonal matrix, and how it came out of another. */
export interface Tridiagonal {
  n: number;
  diagonal: Float64Array;
  /** off[i] couples i - 1 and i; off[0] is 0. */
  off: Float64Array;
  /** Factors tau of the reflections I - tau v v^T; v of step i lies in the matrix's row i, columns 0 to i - 1. */
  tau: Float64Array;
}

/** How many eigenvalues are below x: signs of the pivots of T - x I (Sturm). */
function countBelow({ n, diagonal, off }: Tridiagonal, x: number, tiny: number): number {
  let count = 0;
  let pivot = 1;
  for (let i = 0; i < n; i++) {
    pivot = diagonal[i] - x - (off[i] * off[i]) / pivot;
    if (Math.abs(pivot) < tiny) pivot = -tiny;
    if (pivot < 0) count++;
  }
  return count;
}

/** The largest `count` eigenvalues, falling, each to the last bits of the matrix's norm. */
export function largestValues(t: Tridiagonal, count: number): Float64Array {
  const { n, diagonal, off } = t;
  let norm = 0;
  for (let i = 0; i < n; i++) {
    norm = Math.max(norm, Math.abs(diagonal[i]) + Math.abs(off[i]) + Math.abs(off[i + 1] ?? 0));
  }
  const tiny = Math.max(Number.MIN_VALUE * 2 ** 60, norm * norm * 1e-300);
  const values = new Float64Array(count);
  const bound = norm * (1 + 1e-15 * n); // Gershgorin
  let ceiling = bound;
  for (let k = 0; k < count; k++) {
    let low = -bound;
    let high = ceiling;
    while (high - low > 2 * Number.EPSILON * norm) {
      const middle = low + (high - low) / 2;
      if (middle <= low || middle >= high) break;
      if (n - countBelow(t, middle, tiny) > k) low = middle;
      else high = middle;
    }
    values[k] = low + (high - low) / 2;
    ceiling = high;
  }
  return values;
}

const ITERATIONS = 3;

/**
 * Eigenvalues nearer than this, as a part of the matrix's norm, are of one cluster. Vectors of others come out
 * orthogonal to 1e-16 over it, and to the last bits after they have been made so once.
 */
const CLUSTER = 1e-6;

/**
 * Inverse iteration. Every vector is made orthogonal to those before it of its cluster in every round, to all before
 * it in the end, to those of its cluster once more: of equal or nearly equal eigenvalues the first vector found is as
 * good as any, and the next has to be another one.
 */
export function tridiagonalVectors(t: Tridiagonal, values: Float64Array): Float64Array {
  const { n } = t;
  const vectors = new Float64Array(values.length * n);
  const solver = shiftedSolver(t);
  const norm = normOf(t);
  let state = 1;
  let cluster = 0;
  values.forEach((value, k) => {
    if (k > 0 && values[k - 1] - value > CLUSTER * norm) cluster = k;
    const x = vectors.subarray(k * n, (k + 1) * n);
    for (let i = 0; i < n; i++) x[i] = (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
    solver.factor(value);
    for (let round = 0; round < ITERATIONS; round++) {
      solver.solve(x);
      normalize(x);
      orthogonalize(x, vectors, cluster, k, n);
      normalize(x);
    }
    orthogonalize(x, vectors, 0, k, n);
    normalize(x);
  });
  return vectors;
}

/** Takes out of x what it has of the vectors from one on up to another, four at a time. */
function orthogonalize(x: Float64Array, vectors: Float64Array, first: number, past: number, n: number): void {
  const parts = new Float64Array(4);
  const fours = past - ((past - first) % 4);
  for (let j = first; j < fours; j += 4) {
    dotFour(vectors, j * n, n, x, 0, n, parts);
    addFour(vectors, j * n, n, parts, -1, x, n);
  }
  for (let j = fours; j < past; j++) addScaled(vectors, j * n, -dot(vectors, j * n, x, n), x, n);
}

/** Solves (T - shift I) x = b by elimination with row exchanges; three diagonals are left above. */
function shiftedSolver(t: Tridiagonal) {
  const { n, diagonal, off } = t;
  const [u0, u1, u2, lower] = [0, 1, 2, 3].map(() => new Float64Array(n));
  const swapped = new Uint8Array(n);
  const smallest = Math.max(normOf(t) * Number.EPSILON, Number.MIN_VALUE * 2 ** 60);
  const factor = (shift: number) => {
    let a = diagonal[0] - shift;
    let b = n > 1 ? off[1] : 0;
    for (let i = 0; i + 1 < n; i++) {
      const [c, d, e] = [off[i + 1], diagonal[i + 1] - shift, i + 2 < n ? off[i + 2] : 0];
      swapped[i] = Math.abs(c) > Math.abs(a) ? 1 : 0;
      if (swapped[i]) {
        [u0[i], u1[i], u2[i], lower[i]] = [c, d, e, a / c];
        [a, b] = [b - lower[i] * d, -lower[i] * e];
      } else {
        if (Math.abs(a) < smallest) a = smallest;
        [u0[i], u1[i], u2[i], lower[i]] = [a, b, 0, c / a];
        [a, b] = [d - lower[i] * b, e];
      }
    }
    u0[n - 1] = Math.abs(a) < smallest ? smallest : a;
  };
  const solve = (x: Float64Array) => {
    for (let i = 0; i + 1 < n; i++) {
      if (swapped[i]) [x[i], x[i + 1]] = [x[i + 1], x[i]];
      x[i + 1] -= lower[i] * x[i];
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = x[i];
      if (i + 1 < n) sum -= u1[i] * x[i + 1];
      if (i + 2 < n) sum -= u2[i] * x[i + 2];
      x[i] = sum / u0[i];
    }
  };
  return { factor, solve };
}

/** The largest entry. */
function normOf({ diagonal, off }: Tridiagonal): number {
  return diagonal.reduce((most, value, i) => Math.max(most, Math.abs(value), Math.abs(off[i])), 0);
}

function normalize(x: Float64Array): void {
  let largest = 0;
  for (const value of x) largest = Math.max(largest, Math.abs(value));
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] /= largest) ** 2;
  const length = Math.sqrt(sum);
  for (let i = 0; i < x.length; i++) x[i] /= length;
}
