/** The dot product of two vectors of one width, in float64; of unit vectors their cosine. */
export function dot(left: ArrayLike<number>, right: ArrayLike<number>): number {
  assertWidth(left, right);
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i] * right[i];
  return sum;
}

/**
 * The cosine of two vectors of one width, in float64: `x y / sqrt(x x * y y)`, in [-1, 1] whatever their scale. NaN
 * where one of them is all zeros.
 */
export function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  assertWidth(left, right);
  const [x, y] = [withinSquares(left), withinSquares(right)];
  let [product, leftSquares, rightSquares] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    product += x[i] * y[i];
    leftSquares += x[i] * x[i];
    rightSquares += y[i] * y[i];
  }
  return Math.max(-1, Math.min(1, product / Math.sqrt(leftSquares * rightSquares)));
}

/** The vector, or its share of the largest value where squares of squares would leave the range of a double. */
function withinSquares(vector: ArrayLike<number>): ArrayLike<number> {
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i]));
  const safe = largest === 0 || (largest > 1e-60 && largest < 1e60);
  return safe ? vector : Float64Array.from(vector, (value) => value / largest);
}

function assertWidth(left: ArrayLike<number>, right: ArrayLike<number>): void {
  if (left.length === right.length) return;
  throw new RangeError(`expected two vectors of one width, got ${left.length} and ${right.length}`);
}
