import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, test } from 'vitest';
import { topEigen } from '../src/eigen.js';
import { symmetricMatrix } from '../src/tridiagonal.js';
import { distance, gram, noise } from './noise.js';

const diagonal = (values: number[]) => {
  const n = values.length;
  return Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? values[i / (n + 1)] : 0));
};
const gramOf = (rows: number, n: number, seed: number, fade = 0) => {
  const x = noise(seed, rows * n).map((value, i) => value * Math.exp(-(i % n) * fade));
  return gram(x, rows, n);
};
/** Every eigenvalue twice. */
const doubled = (a: Float64Array, n: number) => {
  return Float64Array.from({ length: 4 * n * n }, (_, i) => {
    const [row, column] = [Math.floor(i / (2 * n)), i % (2 * n)];
    return row < n === column < n ? a[(row % n) * n + (column % n)] : 0;
  });
};

const cases: [string, Float64Array, number][] = [
  ['random', await gramOf(89, 43, 3), 43],
  ['the first of many', await gramOf(307, 131, 5), 17],
  ['fading over 14 powers of ten', await gramOf(89, 41, 5, 0.4), 41],
  ['rank 13 of 47', await gramOf(13, 47, 7), 29],
  ['the identity', diagonal(Array.from({ length: 31 }, () => 2)), 31],
  ['three values', diagonal(Array.from({ length: 31 }, (_, i) => (i % 3) + 1)), 31],
  ['all ones', new Float64Array(37 * 37).fill(1), 37],
  ['pairs of equal values', doubled(await gramOf(29, 23, 11), 23), 46],
  ['negative values too', noise(3, 29 * 29).map((_, i, x) => x[i] + x[(i % 29) * 29 + Math.floor(i / 29)]), 29],
  ['zero', new Float64Array(49), 7],
  ['tiny', (await gramOf(31, 19, 5)).map((value) => value * 1e-150), 19],
  ['huge', (await gramOf(31, 19, 5)).map((value) => value * 1e150), 19],
  ['2 x 2', Float64Array.of(3, 1, 1, 3), 2],
  ['1 x 1', Float64Array.of(3), 1],
];

/** Of sizes that are reduced in panels, by products of matrices. */
const large: typeof cases = [
  ['the first of many, in panels', await gramOf(401, 227, 5), 29],
  ['fading over 14 powers of ten, in panels', await gramOf(389, 199, 5, 0.08), 31],
  ['rank 13 of 197', await gramOf(13, 197, 7), 17],
  ['the identity, in panels', diagonal(Array.from({ length: 211 }, () => 2)), 19],
  ['pairs of equal values, in panels', doubled(await gramOf(131, 113, 11), 113), 40],
];

describe.each([...cases, ...large])('%s', async (_, matrix, count) => {
  const n = Math.sqrt(matrix.length);
  const symmetric = symmetricMatrix(n);
  symmetric.matrix.set(matrix);
  const { values, vectors } = await topEigen(symmetric, n, count);
  const vector = (k: number) => vectors.subarray(k * n, (k + 1) * n);
  const norm = Math.max(...values.map(Math.abs), Number.MIN_VALUE);

  test("eigenvalues are ml-matrix's, falling", () => {
    const rows = Array.from({ length: n }, (_, i) => [...matrix.subarray(i * n, (i + 1) * n)]);
    const full = new EigenvalueDecomposition(new Matrix(rows), { assumeSymmetric: true });
    const expected = full.realEigenvalues.sort((a, b) => b - a).slice(0, count);
    expect(distance(values, expected) / norm).toBeLessThan(1e-13);
  });

  test('A v = lambda v', () => {
    for (let k = 0; k < count; k++) {
      const v = vector(k);
      const product = v.map((_, i) => v.reduce((sum, x, j) => sum + matrix[i * n + j] * x, 0));
      expect(
        distance(
          product,
          v.map((x) => x * values[k]),
        ) / norm,
      ).toBeLessThan(1e-13);
    }
  });

  test('vectors are orthonormal, the largest entry positive', () => {
    for (let k = 0; k < count; k++) {
      for (let j = 0; j <= k; j++) {
        const inner = vector(k).reduce((sum, x, i) => sum + x * vector(j)[i], 0);
        expect(Math.abs(inner - (j === k ? 1 : 0))).toBeLessThan(1e-13);
      }
      expect(vector(k).reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0)).toBeGreaterThan(0);
    }
  });
});
