/** a[aFrom + k] . b[k], in four sums, because one sum would wait for each addition before the next. */
export function dot(a: Float64Array, aFrom: number, b: Float64Array, length: number): number {
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
