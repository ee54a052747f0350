/** The dot product of two vectors of one width, in float64; of unit vectors their cosine. */
export function dot(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length) {
    throw new RangeError(`expected two vectors of one width, got ${left.length} and ${right.length}`);
  }
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i] * right[i];
  return sum;
}
