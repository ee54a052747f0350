import { transpose } from './transpose.js';

/**
 * The two matrix products that take the time. Matrices lie row by row in float64. An implementation on a fast engine
 * may be given to `fit` and `transform`; `@wbdc/ensemble-svd/onnxruntime` has one. x is overwritten afterwards.
 */
export interface Products {
  /**
   * Adds x^T x of x `[rows, width]` to `sum` `[width, width]`, on and above the diagonal; below it may stand anything.
   */
  addGram(x: Float64Array, rows: number, width: number, sum: Float64Array): void | Promise<void>;
  /**
   * The same of x column by column, `[width, rows]`. `fit` prepares x in this way for products that have it: they want
   * columns together, and then need not turn x themselves.
   */
  addGramOfColumns?(columns: Float64Array, rows: number, width: number, sum: Float64Array): void | Promise<void>;
  /** x c^T of x `[rows, width]` and c `[rank, width]`: `[rows, rank]`. */
  project(
    x: Float64Array,
    rows: number,
    width: number,
    c: Float64Array,
    rank: number,
  ): Float64Array | Promise<Float64Array>;
}

/** Length of the pieces of dot products: two tiles of 4 such pieces stay in the first-level cache. */
const PIECE = 256;

/** Plain JavaScript, one thread, no dependency: the default. */
export const javascriptProducts: Products = {
  addGram(x, rows, width, sum) {
    gramOfColumns(transpose(x, rows, width), rows, width, sum);
  },
  addGramOfColumns: gramOfColumns,
  project(x, rows, width, c, rank) {
    const result = new Float64Array(rows * rank);
    dots(x, c, result, { m: rows, n: rank, depth: width, upperOnly: false });
    return result;
  },
};

function gramOfColumns(columns: Float64Array, rows: number, width: number, sum: Float64Array): void {
  dots(columns, columns, sum, { m: width, n: width, depth: rows, upperOnly: true });
}

interface Sizes {
  /** Rows of a. */
  m: number;
  /** Rows of b. */
  n: number;
  /** Length of a row of either. */
  depth: number;
  /** Leave out tiles that lie wholly below the diagonal. */
  upperOnly: boolean;
}

/** out[i, j] += a[i] . b[j] for all rows, in tiles of 3 x 3 so that nine sums stay in registers. */
function dots(a: Float64Array, b: Float64Array, out: Float64Array, { m, n, depth, upperOnly }: Sizes): void {
  for (let from = 0; from < depth; from += PIECE) {
    const to = Math.min(from + PIECE, depth);
    for (let i = 0; i < m; i += 3) {
      for (let j = upperOnly ? i : 0; j < n; j += 3) {
        if (i + 3 <= m && j + 3 <= n) tile(a, b, out, i, j, n, depth, from, to);
        else edge(a, b, out, { i, j, m, n, depth, from, to });
      }
    }
  }
}

/** Nine dot products at once: six loads for nine multiplications. */
function tile(
  a: Float64Array,
  b: Float64Array,
  out: Float64Array,
  i: number,
  j: number,
  n: number,
  depth: number,
  from: number,
  to: number,
): void {
  const a0 = i * depth;
  const a1 = a0 + depth;
  const a2 = a1 + depth;
  const b0 = j * depth;
  const b1 = b0 + depth;
  const b2 = b1 + depth;
  let s00 = 0,
    s01 = 0,
    s02 = 0,
    s10 = 0,
    s11 = 0,
    s12 = 0,
    s20 = 0,
    s21 = 0,
    s22 = 0;
  for (let k = from; k < to; k++) {
    const x0 = a[a0 + k];
    const x1 = a[a1 + k];
    const x2 = a[a2 + k];
    const y0 = b[b0 + k];
    const y1 = b[b1 + k];
    const y2 = b[b2 + k];
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s20 += x2 * y0;
    s21 += x2 * y1;
    s22 += x2 * y2;
  }
  const o0 = i * n + j;
  const o1 = o0 + n;
  const o2 = o1 + n;
  out[o0] += s00;
  out[o0 + 1] += s01;
  out[o0 + 2] += s02;
  out[o1] += s10;
  out[o1 + 1] += s11;
  out[o1 + 2] += s12;
  out[o2] += s20;
  out[o2 + 1] += s21;
  out[o2 + 2] += s22;
}

interface Edge {
  i: number;
  j: number;
  m: number;
  n: number;
  depth: number;
  from: number;
  to: number;
}

/** The tiles that stand over the border. */
function edge(a: Float64Array, b: Float64Array, out: Float64Array, { i, j, m, n, depth, from, to }: Edge): void {
  for (let row = i; row < Math.min(i + 3, m); row++) {
    for (let column = j; column < Math.min(j + 3, n); column++) {
      let sum = 0;
      for (let k = from; k < to; k++) sum += a[row * depth + k] * b[column * depth + k];
      out[row * n + column] += sum;
    }
  }
}
