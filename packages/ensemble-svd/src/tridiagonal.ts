import type { Eigen } from './eigen.js';
import { addScaled, dot } from './vector.js';

/**
 * The largest eigenvalues of a symmetric matrix and their vectors, without the others: Householder reduction to a
 * tridiagonal matrix, bisection for the eigenvalues, inverse iteration for the vectors (Golub and Van Loan, Matrix
 * Computations, 4th edition, 8.3.1, 8.4.1 and 8.2.2; LAPACK's dsytrd, dstebz, dstein, dormtr). All is in rows that lie
 * together in memory, so that 256 of 1536 take 4 s, where ml-matrix's decomposition, always full, takes half a minute.
 *
 * @param matrix `[n, n]`; its lower half is overwritten
 */
export function largestEigen(matrix: Float64Array, n: number, count: number): Eigen {
  const t = tridiagonalize(matrix, n);
  const values = largestValues(t, count);
  const vectors = tridiagonalVectors(t, values);
  for (let j = 0; j < count; j++) reflectBack(matrix, t, vectors.subarray(j * n, (j + 1) * n));
  return { values, vectors };
}

interface Tridiagonal {
  n: number;
  diagonal: Float64Array;
  /** off[i] couples i - 1 and i; off[0] is 0. */
  off: Float64Array;
  /** Factors tau of the reflections I - tau v v^T; v of step i lies in the matrix's row i, columns 0 to i - 1. */
  tau: Float64Array;
}

/** From the last row up: a reflection turns row i's part left of the diagonal into one number beside the diagonal. */
function tridiagonalize(a: Float64Array, n: number): Tridiagonal {
  const t = { n, diagonal: new Float64Array(n), off: new Float64Array(n), tau: new Float64Array(n) };
  const p = new Float64Array(n);
  for (let i = n - 1; i > 0; i--) {
    const v = a.subarray(i * n, i * n + i);
    t.diagonal[i] = a[i * n + i];
    t.off[i] = reflect(v, t.tau, i);
    if (t.tau[i] !== 0) applyBothSides(a, n, v, t.tau[i], p);
  }
  t.diagonal[0] = a[0];
  return t;
}

/** Overwrites row with v (its last value 1) so that (I - tau v v^T) row = (0, ..., 0, beta); returns beta. */
function reflect(row: Float64Array, tau: Float64Array, i: number): number {
  const last = row.length - 1;
  const alpha = row[last];
  let scale = 0;
  for (let k = 0; k < last; k++) scale = Math.max(scale, Math.abs(row[k]));
  if (scale === 0) return alpha; // tau stays 0: no reflection
  scale = Math.max(scale, Math.abs(alpha));
  let sum = 0;
  for (const value of row) sum += (value / scale) ** 2;
  const beta = -Math.sign(alpha || 1) * scale * Math.sqrt(sum);
  for (let k = 0; k < last; k++) row[k] /= alpha - beta;
  row[last] = 1;
  tau[i] = (beta - alpha) / beta;
  return beta;
}

/** A <- (I - tau v v^T) A (I - tau v v^T) on the leading block, lower half only, as A - v w^T - w v^T. */
function applyBothSides(a: Float64Array, n: number, v: Float64Array, tau: number, w: Float64Array): void {
  const m = v.length;
  multiplyLower(a, n, v, w);
  const half = (tau / 2) * dot(v, 0, w, m);
  for (let i = 0; i < m; i++) w[i] = tau * (w[i] - half * v[i]);
  subtractOuter(a, n, v, w);
}

/** w = A v of the leading block, from its lower half; two rows at a time halve the way to w and v. */
function multiplyLower(a: Float64Array, n: number, v: Float64Array, w: Float64Array): void {
  const m = v.length;
  w.fill(0, 0, m);
  for (let i = 0; i < m; i += 2) {
    const top = i * n;
    const below = i + 1 < m ? top + n : top;
    const v0 = v[i];
    const v1 = i + 1 < m ? v[i + 1] : 0;
    let s0 = 0;
    let s1 = 0;
    for (let j = 0; j < i; j++) {
      const x0 = a[top + j];
      const x1 = a[below + j];
      s0 += x0 * v[j];
      s1 += x1 * v[j];
      w[j] += x0 * v0 + x1 * v1;
    }
    w[i] += s0 + a[top + i] * v0;
    if (i + 1 === m) return;
    w[i] += a[below + i] * v1;
    w[i + 1] += s1 + a[below + i] * v0 + a[below + i + 1] * v1;
  }
}

/** A -= v w^T + w v^T on the lower half of the leading block. */
function subtractOuter(a: Float64Array, n: number, v: Float64Array, w: Float64Array): void {
  const m = v.length;
  for (let i = 0; i < m; i += 2) {
    const last = Math.min(i + 1, m - 1);
    const [top, below] = [i * n, last * n];
    const [v0, w0, v1, w1] = [v[i], w[i], v[last], w[last]];
    for (let j = 0; j < i; j++) {
      const vj = v[j];
      const wj = w[j];
      a[top + j] -= v0 * wj + w0 * vj;
      if (last > i) a[below + j] -= v1 * wj + w1 * vj;
    }
    a[top + i] -= 2 * v0 * w0;
    if (last === i) return;
    a[below + i] -= v1 * w0 + w1 * v0;
    a[below + last] -= 2 * v1 * w1;
  }
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
function largestValues(t: Tridiagonal, count: number): Float64Array {
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

const ITERATIONS = 4;

/**
 * Inverse iteration. Every vector is made orthogonal to those before it in every round, all of them and twice: of equal
 * or nearly equal eigenvalues the first vector found is as good as any, and the next has to be another one.
 */
function tridiagonalVectors(t: Tridiagonal, values: Float64Array): Float64Array {
  const { n } = t;
  const vectors = new Float64Array(values.length * n);
  const solver = shiftedSolver(t);
  let state = 1;
  values.forEach((value, k) => {
    const x = vectors.subarray(k * n, (k + 1) * n);
    for (let i = 0; i < n; i++) x[i] = (state = (state * 48271) % 2147483647) / 2147483647 - 0.5;
    solver.factor(value);
    for (let round = 0; round < ITERATIONS; round++) {
      solver.solve(x);
      normalize(x);
      for (let pass = 0; pass < 2; pass++) {
        for (let j = 0; j < k; j++) addScaled(vectors, j * n, -dot(vectors, j * n, x, n), x, n);
      }
      normalize(x);
    }
  });
  return vectors;
}

/** Solves (T - shift I) x = b by elimination with row exchanges; three diagonals are left above. */
function shiftedSolver({ n, diagonal, off }: Tridiagonal) {
  const [u0, u1, u2, lower] = [0, 1, 2, 3].map(() => new Float64Array(n));
  const swapped = new Uint8Array(n);
  const norm = diagonal.reduce((most, value, i) => Math.max(most, Math.abs(value), Math.abs(off[i])), 0);
  const smallest = Math.max(norm * Number.EPSILON, Number.MIN_VALUE * 2 ** 60);
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

/** Vector of T to vector of A: the reflections in the opposite order. */
function reflectBack(a: Float64Array, { n, tau }: Tridiagonal, x: Float64Array): void {
  for (let i = 1; i < n; i++) {
    if (tau[i] !== 0) addScaled(a, i * n, -tau[i] * dot(a, i * n, x, i), x, i);
  }
}

function normalize(x: Float64Array): void {
  let largest = 0;
  for (const value of x) largest = Math.max(largest, Math.abs(value));
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += (x[i] /= largest) ** 2;
  const length = Math.sqrt(sum);
  for (let i = 0; i < x.length; i++) x[i] /= length;
}
