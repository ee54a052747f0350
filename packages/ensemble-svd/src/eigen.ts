import { largestEigen, type Eigen } from './tridiagonal.js';

/**
 * The largest eigenvalues of a symmetric matrix. A vector's sign is free; here its entry of largest magnitude is
 * positive, so that a saved projection can be compared with another.
 *
 * @param matrix `[n, n]`; overwritten
 */
export function topEigen(matrix: Float64Array, n: number, count: number): Eigen {
  const eigen = largestEigen(matrix, n, count);
  for (let k = 0; k < count; k++) fixSign(eigen.vectors.subarray(k * n, (k + 1) * n));
  return eigen;
}

function fixSign(vector: Float64Array): void {
  let largest = 0;
  for (const value of vector) if (Math.abs(value) > Math.abs(largest)) largest = value;
  if (largest < 0) for (let i = 0; i < vector.length; i++) vector[i] = -vector[i];
}
