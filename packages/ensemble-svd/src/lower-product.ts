import {
  advance,
  loadVector,
  setLocal,
  storeVector,
  vectorOp,
  wasmModule,
  webAssembly,
  whileBelow,
  WASM,
  getLocal,
  type Code,
} from '@wbdc/io/wasm';

/** A symmetric matrix whose lower half is read. */
export interface LowerProduct {
  /** `[n, n]`; to be changed here. */
  readonly matrix: Float64Array;
  /** x += A y of as many of the first rows as y has values; y may be a part of the matrix above the diagonal's left. */
  readonly multiply: (y: Float64Array, x: Float64Array) => void;
}

/** Zeros `[n, n]`, where WebAssembly's vectors multiply them without a copy; in JavaScript where there are no such. */
export function lowerProduct(n: number): LowerProduct {
  try {
    return inWebAssembly(n);
  } catch {
    return inJavaScript(n); // no memory of this size, or no vectors
  }
}

/** Adds to x the products of the four rows from i on with what stands left of them; gives those of the rows with y. */
type Strip = (i: number) => readonly [number, number, number, number];

export function inJavaScript(n: number): LowerProduct {
  const a = new Float64Array(n * n);
  const multiply = (y: Float64Array, x: Float64Array): void => inStrips(a, n, y, x, (i) => strip(a, n, y, x, i));
  return { matrix: a, multiply };
}

function strip(
  a: Float64Array,
  n: number,
  y: Float64Array,
  x: Float64Array,
  i: number,
): [number, number, number, number] {
  const r0 = i * n;
  const r1 = r0 + n;
  const r2 = r1 + n;
  const r3 = r2 + n;
  const y0 = y[i];
  const y1 = y[i + 1];
  const y2 = y[i + 2];
  const y3 = y[i + 3];
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let j = 0; j < i; j++) {
    const yj = y[j];
    const a0 = a[r0 + j];
    const a1 = a[r1 + j];
    const a2 = a[r2 + j];
    const a3 = a[r3 + j];
    s0 += a0 * yj;
    s1 += a1 * yj;
    s2 += a2 * yj;
    s3 += a3 * yj;
    x[j] += a0 * y0 + a1 * y1 + (a2 * y2 + a3 * y3);
  }
  return [s0, s1, s2, s3];
}

/** Four rows at a time quarter the way to the vectors. */
function inStrips(a: Float64Array, n: number, y: Float64Array, x: Float64Array, run: Strip): void {
  const m = y.length;
  const rest = m % 4;
  for (let r = 0; r < rest; r++) corner(a, n, y, x, r, 0);
  for (let i = rest; i < m; i += 4) {
    const [s0, s1, s2, s3] = run(i);
    x[i] += s0;
    x[i + 1] += s1;
    x[i + 2] += s2;
    x[i + 3] += s3;
    for (let r = i; r < i + 4; r++) corner(a, n, y, x, r, i);
  }
}

/** Row r from a column to the diagonal. */
function corner(a: Float64Array, n: number, y: Float64Array, x: Float64Array, r: number, from: number): void {
  for (let j = from; j <= r; j++) {
    const value = a[r * n + j];
    x[r] += value * y[j];
    if (j < r) x[j] += value * y[r];
  }
}

const [ROWS, Y, X, END, OWN, SUMS] = [[0, 1, 2, 3], 4, 5, 6, 7, 8];

/**
 * {@link strip} by two columns at a time: of four rows at pointers, with y, x and the end of y's part; OWN is at the
 * rows' own values of y, SUMS at four pairs to be written.
 */
function stripProgram(): Uint8Array<ArrayBuffer> {
  const [own, sums, row, yj] = [[9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20], 21];
  const add = (a: Code, b: Code): Code => vectorOp(0xf0, a, b);
  const multiply = (a: Code, b: Code): Code => vectorOp(0xf2, a, b);
  const part = (k: number): Code => multiply(getLocal(row[k]), getLocal(own[k]));
  const body = [
    ...ROWS.flatMap((k) => [...setLocal(own[k], loadVector(OWN, 'splat64')), ...advance(OWN, { bytes: 8 })]),
    ...whileBelow(Y, END, [
      ...setLocal(yj, loadVector(Y)),
      ...ROWS.flatMap((k) => setLocal(row[k], loadVector(k))),
      ...ROWS.flatMap((k) => setLocal(sums[k], add(getLocal(sums[k]), multiply(getLocal(row[k]), getLocal(yj))))),
      ...storeVector(X, add(loadVector(X), add(add(part(0), part(1)), add(part(2), part(3))))),
      ...[...ROWS, Y, X].flatMap((pointer) => advance(pointer, { bytes: 16 })),
    ]),
    ...ROWS.flatMap((k) => [...storeVector(SUMS, getLocal(sums[k])), ...advance(SUMS, { bytes: 16 })]),
  ];
  const parameters = Array.from({ length: 9 }, () => WASM.i32);
  return wasmModule(false, [{ name: 'strip', parameters, locals: Array.from({ length: 13 }, () => WASM.v128), body }]);
}

const PAGE = 1 << 16;

export function inWebAssembly(n: number): LowerProduct {
  const { Memory, Module, Instance } = webAssembly();
  const [yAt, xAt, sumsAt] = [8 * n * n, 8 * (n * n + n), 8 * (n * n + 2 * n)];
  const pages = Math.ceil((sumsAt + 64) / PAGE);
  const memory = new Memory({ initial: pages, maximum: pages });
  const { exports } = new Instance(new Module(stripProgram()), { wbdc: { memory } });
  const program = exports as { readonly strip: (...pointers: number[]) => void };
  const matrix = new Float64Array(memory.buffer, 0, n * n);
  const [y, x] = [new Float64Array(memory.buffer, yAt, n), new Float64Array(memory.buffer, xAt, n)];
  const sums = new Float64Array(memory.buffer, sumsAt, 8);
  const run: Strip = (i) => {
    const [row, even] = [8 * i * n, i - (i % 2)];
    program.strip(row, row + 8 * n, row + 16 * n, row + 24 * n, yAt, xAt, yAt + 8 * even, yAt + 8 * i, sumsAt);
    const [s0, s1, s2, s3] = [0, 2, 4, 6].map((k) => sums[k] + sums[k + 1]);
    if (even === i) return [s0, s1, s2, s3];
    const last = [0, 1, 2, 3].map((k) => matrix[(i + k) * n + even]);
    last.forEach((value, k) => (x[even] += value * y[i + k]));
    return [s0 + last[0] * y[even], s1 + last[1] * y[even], s2 + last[2] * y[even], s3 + last[3] * y[even]];
  };
  const multiply = (vector: Float64Array, result: Float64Array): void => {
    const m = vector.length;
    y.set(vector);
    x.set(result);
    inStrips(matrix, n, y.subarray(0, m), x, run);
    result.set(x.subarray(0, m));
  };
  return { matrix, multiply };
}
