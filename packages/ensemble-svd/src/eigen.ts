import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { LowerProduct } from './lower-product.js';
import type { Products } from './products.js';
import { largestEigen, type Eigen } from './tridiagonal.js';

/**
 * The largest eigenvalues of a symmetric matrix, by ml-matrix's decomposition, which always makes all of them, or by
 * our own, which makes some: whichever is faster. A vector's sign is free; here its entry of largest magnitude is
 * positive, so that a saved projection can be compared with another.
 *
 * @param symmetric `[n, n]`, both halves; overwritten
 */
export async function topEigen(symmetric: LowerProduct, n: number, count: number, products?: Products): Promise<Eigen> {
  const eigen = isWorthAll(n, count)
    ? allEigen(symmetric.matrix, n, count)
    : await largestEigen(symmetric, n, count, products);
  for (let k = 0; k < count; k++) fixSign(eigen.vectors.subarray(k * n, (k + 1) * n));
  return eigen;
}

/**
 * Where making all eigenvectors is no slower than making some: where both take as long, n is about 20, 62, 122 and 300
 * for a quarter, a half, three quarters and all of them (measured: see the README).
 */
export function isWorthAll(n: number, count: number): boolean {
  return n <= 250 * (count / n) ** 2;
}

function allEigen(matrix: Float64Array, n: number, count: number): Eigen {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(Matrix.from1DArray(n, n, matrix), {
    assumeSymmetric: true,
  });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b] - realEigenvalues[a]);
  const vectors = new Float64Array(count * n);
  for (let k = 0; k < count; k++) vectors.set(eigenvectorMatrix.getColumn(order[k]), k * n);
  return { values: Float64Array.from(order.slice(0, count), (i) => realEigenvalues[i]), vectors };
}

function fixSign(vector: Float64Array): void {
  let largest = 0;
  for (const value of vector) if (Math.abs(value) > Math.abs(largest)) largest = value;
  if (largest < 0) for (let i = 0; i < vector.length; i++) vector[i] = -vector[i];
}
