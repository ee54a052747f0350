import { addFour, addScaled, addToFour, dot, dotFour } from './vector.js';

/** Eigenvalues, falling, and their vectors as rows `[count, n]`. */
export interface Eigen {
  values: Float64Array;
  vectors: Float64Array;
}

/**
 * The largest eigenvalues of a symmetric matrix and their vectors, without the others: Householder reduction to a
 * tridiagonal matrix, bisection for the eigenvalues, inverse iteration for the vectors (Golub and Van Loan, Matrix
 * Computations, 4th edition, 8.3.1, 8.4.1 and 8.2.2; LAPACK's dsytrd, dstebz, dstein, dormtr). All is in rows that lie
 * together in memory, so that 256 of 1536 take 2 s, where ml-matrix's decomposition, always full, takes half a minute.
 *
 * @param matrix `[n, n]`; its lower half is overwritten
 */
export function largestEigen(matrix: Float64Array, n: number, count: number): Eigen {
  const t = tridiagonalize(matrix, n);
  const values = largestValues(t, count);
  const vectors = tridiagonalVectors(t, values);
  reflectBack(matrix, t, vectors);
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

/**
 * From the last row up: a reflection turns row i's part left of the diagonal into one number beside the diagonal. A
 * row's update waits for the next row's reflection, so that the matrix goes through the processor once a step, not
 * twice.
 */
function tridiagonalize(a: Float64Array, n: number): Tridiagonal {
  const t = { n, diagonal: new Float64Array(n), off: new Float64Array(n), tau: new Float64Array(n) };
  const products = [new Float64Array(n), new Float64Array(n)];
  let before: Pair = { v: new Float64Array(n), w: new Float64Array(n) };
  for (let i = n - 1; i >= 0; i--) {
    updateRow(a, i * n, i, before.v, before.w);
    t.diagonal[i] = a[i * n + i];
    if (i === 0) break;
    const v = a.subarray(i * n, i * n + i);
    t.off[i] = reflect(v, t.tau, i);
    const w = products[i % 2];
    updateAndMultiply(a, n, before, v, w);
    if (t.tau[i] === 0) {
      w.fill(0, 0, i); // no reflection: the update changes nothing
    } else {
      const half = (t.tau[i] / 2) * dot(v, 0, w, i);
      for (let k = 0; k < i; k++) w[k] = t.tau[i] * (w[k] - half * v[k]);
    }
    before = { v, w };
  }
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

/** A reflection's v and w of A -= v w^T + w v^T. */
interface Pair {
  readonly v: Float64Array;
  readonly w: Float64Array;
}

/** Row r of A -= v w^T + w v^T, up to the diagonal. */
function updateRow(a: Float64Array, start: number, r: number, v: Float64Array, w: Float64Array): void {
  const [vr, wr] = [v[r], w[r]];
  for (let j = 0; j <= r; j++) a[start + j] -= vr * w[j] + wr * v[j];
}

/**
 * A -= v w^T + w v^T of the reflection before, which makes (I - tau v v^T) A (I - tau v v^T) of it, on the rows above
 * its last; then x = A y for the next reflection's y. Lower half only; four rows at a time quarter the way to the
 * vectors.
 */
function updateAndMultiply(a: Float64Array, n: number, before: Pair, y: Float64Array, x: Float64Array): void {
  const { v, w } = before;
  const m = y.length;
  x.fill(0, 0, m);
  const rest = m % 4;
  for (let i = 0; i < rest; i++) corner(a, n, before, y, x, i, 0);
  for (let i = rest; i < m; i += 4) {
    const r0 = i * n;
    const r1 = r0 + n;
    const r2 = r1 + n;
    const r3 = r2 + n;
    const v0 = v[i],
      v1 = v[i + 1],
      v2 = v[i + 2],
      v3 = v[i + 3];
    const w0 = w[i],
      w1 = w[i + 1],
      w2 = w[i + 2],
      w3 = w[i + 3];
    const y0 = y[i],
      y1 = y[i + 1],
      y2 = y[i + 2],
      y3 = y[i + 3];
    let s0 = 0,
      s1 = 0,
      s2 = 0,
      s3 = 0;
    for (let j = 0; j < i; j++) {
      const vj = v[j];
      const wj = w[j];
      const yj = y[j];
      const a0 = a[r0 + j] - (v0 * wj + w0 * vj);
      const a1 = a[r1 + j] - (v1 * wj + w1 * vj);
      const a2 = a[r2 + j] - (v2 * wj + w2 * vj);
      const a3 = a[r3 + j] - (v3 * wj + w3 * vj);
      a[r0 + j] = a0;
      a[r1 + j] = a1;
      a[r2 + j] = a2;
      a[r3 + j] = a3;
      s0 += a0 * yj;
      s1 += a1 * yj;
      s2 += a2 * yj;
      s3 += a3 * yj;
      x[j] += a0 * y0 + a1 * y1 + (a2 * y2 + a3 * y3);
    }
    x[i] += s0;
    x[i + 1] += s1;
    x[i + 2] += s2;
    x[i + 3] += s3;
    for (let r = i; r < i + 4; r++) corner(a, n, before, y, x, r, i);
  }
}

/** The same for row r, from a column to the diagonal. */
function corner(a: Float64Array, n: number, { v, w }: Pair, y: Float64Array, x: Float64Array, r: number, from: number) {
  for (let j = from; j <= r; j++) {
    const value = (a[r * n + j] -= v[r] * w[j] + w[r] * v[j]);
    x[r] += value * y[j];
    if (j < r) x[j] += value * y[r];
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

const ITERATIONS = 3;

/**
 * Inverse iteration. Every vector is made orthogonal to all before it in every round, in the last one twice: of equal
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
      orthogonalize(x, vectors, k, n);
      normalize(x);
    }
    orthogonalize(x, vectors, k, n);
    normalize(x);
  });
  return vectors;
}

/** Takes out of x what it has of the first `count` vectors, four at a time. */
function orthogonalize(x: Float64Array, vectors: Float64Array, count: number, n: number): void {
  const parts = new Float64Array(4);
  const fours = count - (count % 4);
  for (let j = 0; j < fours; j += 4) {
    dotFour(vectors, j * n, n, x, 0, n, parts);
    addFour(vectors, j * n, n, parts, -1, x, n);
  }
  for (let j = fours; j < count; j++) addScaled(vectors, j * n, -dot(vectors, j * n, x, n), x, n);
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

/** Vectors of T to vectors of A, four at a time: the reflections in the opposite order. */
function reflectBack(a: Float64Array, { n, tau }: Tridiagonal, vectors: Float64Array): void {
  const parts = new Float64Array(4);
  const fours = vectors.length - (vectors.length % (4 * n));
  for (let at = 0; at < fours; at += 4 * n) {
    for (let i = 1; i < n; i++) {
      dotFour(vectors, at, n, a, i * n, i, parts);
      addToFour(vectors, at, n, parts, -tau[i], a, i * n, i);
    }
  }
  for (let at = fours; at < vectors.length; at += n) {
    const x = vectors.subarray(at, at + n);
    for (let i = 1; i < n; i++) addScaled(a, i * n, -tau[i] * dot(a, i * n, x, i), x, i);
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
