/** The dot product of two vectors of one width, in float64; of unit vectors their cosine. */
export function dot(left: ArrayLike<number>, right: ArrayLike<number>): number {
  assertWidth(left, right);
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i] * right[i];
  return sum;
}

/** The cosine of two vectors of one width, in float64: `x y / sqrt(x x * y y)`. NaN where one of them is all zeros. */
export function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  assertWidth(left, right);
  let [product, leftSquares, rightSquares] = [0, 0, 0];
  for (let i = 0; i < left.length; i++) {
    product += left[i] * right[i];
    leftSquares += left[i] * left[i];
    rightSquares += right[i] * right[i];
  }
  return product / Math.sqrt(leftSquares * rightSquares);
}

function assertWidth(left: ArrayLike<number>, right: ArrayLike<number>): void {
  if (left.length === right.length) return;
  throw new RangeError(`expected two vectors of one width, got ${left.length} and ${right.length}`);
}
