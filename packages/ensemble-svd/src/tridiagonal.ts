import { javascriptProducts, type Products } from './products.js';
import { largestValues, tridiagonalVectors, type Tridiagonal } from './inverse-iteration.js';
import { inJavaScript, lowerProduct, type LowerProduct } from './lower-product.js';
import { dot } from './vector.js';

/** Eigenvalues, falling, and their vectors as rows `[count, n]`. */
export interface Eigen {
  values: Float64Array;
  vectors: Float64Array;
}

/**
 * The largest eigenvalues of a symmetric matrix and their vectors, without the others: Householder reduction to a
 * tridiagonal matrix, bisection for the eigenvalues, inverse iteration for the vectors (Golub and Van Loan, Matrix
 * Computations, 4th edition, 8.3.1, 8.4.1 and 8.2.2; LAPACK's dsytrd, dstebz, dstein, dormtr). Half of the reduction,
 * and the way back to the matrix's own vectors, are products of matrices.
 *
 * @param lower of {@link symmetricMatrix}; the lower half is overwritten
 */
export async function largestEigen(
  lower: LowerProduct,
  n: number,
  count: number,
  products: Products = javascriptProducts,
): Promise<Eigen> {
  const t = await tridiagonalize(lower, n, products);
  const values = largestValues(t, count);
  const vectors = tridiagonalVectors(t, values);
  await reflectBack(lower.matrix, t, vectors, products);
  return { values, vectors };
}

/** Zeros `[n, n]` that are decomposed where they lie: a large matrix is not held twice. */
export function symmetricMatrix(n: number): LowerProduct {
  return n > UNCUT ? lowerProduct(n) : inJavaScript(n);
}

/** Reflections of a panel, and rows below which it is not worth while to cut them into panels. */
const PANEL = 32;
const UNCUT = 160;

/**
 * From the last row up: a reflection turns row i's part left of the diagonal into one number beside the diagonal. What
 * the reflections of a panel do to the rows above it is done together, by a product of matrices.
 */
async function tridiagonalize(lower: LowerProduct, n: number, products: Products): Promise<Tridiagonal> {
  const a = lower.matrix;
  const t = { n, diagonal: new Float64Array(n), off: new Float64Array(n), tau: new Float64Array(n) };
  let rows = n;
  for (; rows > UNCUT; rows -= PANEL) {
    const pairs = reducePanel(lower, t, rows);
    await updateAbove(a, n, rows - PANEL, pairs, products);
  }
  reduceRest(a, t, rows);
  return t;
}

/** The last reflections of so many rows, each of which takes into account what those before it would have changed. */
function reducePanel({ matrix: a, multiply }: LowerProduct, t: Tridiagonal, rows: number): Pair[] {
  const { n } = t;
  const pairs: Pair[] = [];
  for (let i = rows - 1; i >= rows - PANEL; i--) {
    for (const { v, w } of pairs) updateRow(a, i * n, i, v, w);
    t.diagonal[i] = a[i * n + i];
    const v = a.subarray(i * n, i * n + i);
    t.off[i] = reflect(v, t.tau, i);
    const w = new Float64Array(i);
    if (t.tau[i] !== 0) {
      multiply(v, w);
      for (const before of pairs) {
        const [alongW, alongV] = [dot(v, 0, before.w, i), dot(v, 0, before.v, i)];
        for (let k = 0; k < i; k++) w[k] -= before.v[k] * alongW + before.w[k] * alongV;
      }
      finish(t, i, v, w);
    }
    pairs.push({ v, w });
  }
  return pairs;
}

/** w = tau (A v - tau / 2 (v . A v) v) out of A v. */
function finish({ tau }: Tridiagonal, i: number, v: Float64Array, w: Float64Array): void {
  const half = (tau[i] / 2) * dot(v, 0, w, i);
  for (let k = 0; k < i; k++) w[k] = tau[i] * (w[k] - half * v[k]);
}

/** Rows of a product. */
const STRIP = 256;

/** A -= sum of v w^T + w v^T on the lower half of so many rows, in strips of them. */
async function updateAbove(a: Float64Array, n: number, rows: number, pairs: Pair[], products: Products): Promise<void> {
  const depth = 2 * pairs.length;
  const [left, right] = [new Float64Array(rows * depth), new Float64Array(rows * depth)];
  pairs.forEach(({ v, w }, p) => {
    for (let r = 0; r < rows; r++) {
      left[r * depth + 2 * p] = right[r * depth + 2 * p + 1] = v[r];
      left[r * depth + 2 * p + 1] = right[r * depth + 2 * p] = w[r];
    }
  });
  for (let from = 0; from < rows; from += STRIP) {
    const to = Math.min(from + STRIP, rows);
    const strip = left.subarray(from * depth, to * depth);
    const changes = await products.project(strip, to - from, depth, right.subarray(0, to * depth), to);
    for (let r = from; r < to; r++) {
      const [row, change] = [r * n, (r - from) * to];
      for (let j = 0; j <= r; j++) a[row + j] -= changes[change + j];
    }
  }
}

/**
 * The reflections of the first rows, one by one. A row's update waits for the next row's reflection, so that the matrix
 * goes through the processor once a step, not twice.
 */
function reduceRest(a: Float64Array, t: Tridiagonal, rows: number): void {
  const { n } = t;
  const products = [new Float64Array(rows), new Float64Array(rows)];
  let before: Pair = { v: new Float64Array(rows), w: new Float64Array(rows) };
  for (let i = rows - 1; i >= 0; i--) {
    updateRow(a, i * n, i, before.v, before.w);
    t.diagonal[i] = a[i * n + i];
    if (i === 0) break;
    const v = a.subarray(i * n, i * n + i);
    t.off[i] = reflect(v, t.tau, i);
    const w = products[i % 2];
    updateAndMultiply(a, n, before, v, w);
    if (t.tau[i] === 0)
      w.fill(0, 0, i); // no reflection: the update changes nothing
    else finish(t, i, v, w);
    before = { v, w };
  }
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

/** Reflections that go back together. */
const BACK = 64;

/**
 * Vectors of T to vectors of A: the reflections in the opposite order, some together as I - V T V^T (LAPACK: dlarft,
 * dlarfb).
 */
async function reflectBack(a: Float64Array, t: Tridiagonal, vectors: Float64Array, products: Products): Promise<void> {
  const { n } = t;
  const count = vectors.length / n;
  for (let first = 1; first < n; first += BACK) {
    const some = Math.min(BACK, n - first);
    const rows = new Float64Array(some * n);
    const columns = new Float64Array(n * some);
    for (let p = 0; p < some; p++) {
      const v = a.subarray((first + p) * n, (first + p) * n + first + p);
      rows.set(v, p * n);
      for (let j = 0; j < v.length; j++) columns[j * some + p] = v[j];
    }
    const factor = blockFactor(await products.project(rows, some, n, rows, some), t.tau, first, some);
    const along = await products.project(vectors, count, n, rows, some);
    const taken = await products.project(along, count, some, factor, some);
    const change = await products.project(taken, count, some, columns, n);
    for (let i = 0; i < vectors.length; i++) vectors[i] -= change[i];
  }
}

/** T^T of reflections with these inner products: lower, row by row. */
function blockFactor(inner: Float64Array, tau: Float64Array, first: number, some: number): Float64Array {
  const factor = new Float64Array(some * some);
  for (let j = 0; j < some; j++) {
    factor[j * some + j] = tau[first + j];
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let k = i; k < j; k++) sum += factor[k * some + i] * inner[k * some + j];
      factor[j * some + i] = -tau[first + j] * sum;
    }
  }
  return factor;
}
