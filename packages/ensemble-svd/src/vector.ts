/** a[aFrom + k] . b[k], in four sums, because one sum would wait for each addition before the next. */
export function dot(
  a: Float32Array | Float64Array,
  aFrom: number,
  b: Float32Array | Float64Array,
  length: number,
): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const even = length - (length % 4);
  for (let k = 0; k < even; k += 4) {
    s0 += a[aFrom + k] * b[k];
    s1 += a[aFrom + k + 1] * b[k + 1];
    s2 += a[aFrom + k + 2] * b[k + 2];
    s3 += a[aFrom + k + 3] * b[k + 3];
  }
  for (let k = even; k < length; k++) s0 += a[aFrom + k] * b[k];
  return s0 + s1 + (s2 + s3);
}

/** b[k] += factor * a[aFrom + k]. */
export function addScaled(a: Float64Array, aFrom: number, factor: number, b: Float64Array, length: number): void {
  for (let k = 0; k < length; k++) b[k] += factor * a[aFrom + k];
}

/** Dot products of four rows, `stride` apart, with one vector, which is read once for all. */
export function dotFour(
  rows: Float64Array,
  at: number,
  stride: number,
  v: Float64Array,
  from: number,
  length: number,
  out: Float64Array,
): void {
  const [second, third, fourth] = [at + stride, at + 2 * stride, at + 3 * stride];
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < length; k++) {
    const x = v[from + k];
    s0 += rows[at + k] * x;
    s1 += rows[second + k] * x;
    s2 += rows[third + k] * x;
    s3 += rows[fourth + k] * x;
  }
  out[0] = s0;
  out[1] = s1;
  out[2] = s2;
  out[3] = s3;
}

/** x += scale * sum of factors[row] * row, of four rows `stride` apart. */
export function addFour(
  rows: Float64Array,
  at: number,
  stride: number,
  factors: Float64Array,
  scale: number,
  x: Float64Array,
  length: number,
): void {
  const [second, third, fourth] = [at + stride, at + 2 * stride, at + 3 * stride];
  const [f0, f1, f2, f3] = factors.map((factor) => scale * factor);
  for (let k = 0; k < length; k++) {
    x[k] += f0 * rows[at + k] + f1 * rows[second + k] + (f2 * rows[third + k] + f3 * rows[fourth + k]);
  }
}
