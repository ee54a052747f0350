import { EigenvalueDecomposition, Matrix, SingularValueDecomposition } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { distance } from '../../../tools/testing.js';
import { isWorthAll, topEigen } from '../src/eigen.js';
import { symmetricMatrix } from '../src/tridiagonal.js';
import {
  combineProbabilities,
  fit,
  fitTransform,
  matrixOf,
  pairCosines,
  projectionMatrix,
  transform,
  type MatrixRows,
} from '../src/index.js';

const ids = Array.from({ length: 23 }, (_, i) => `v${i}`);
const rowsOf = (phase: number, width: number): number[][] =>
  ids.map((_, i) => Array.from({ length: width }, (__, k) => Math.sin(phase + i * (k + 1.3) + 0.1 * k * k)));
const members: MatrixRows[] = [
  { name: 'a', ids, matrix: new Matrix(rowsOf(0, 5)) },
  { name: 'b', ids, matrix: new Matrix(rowsOf(2, 4)) },
];
const typed = members.map(({ name, matrix }) => ({
  ...{ name, ids, width: matrix.columns },
  values: Float64Array.from(matrix.to1DArray()),
}));

describe('a Matrix of ml-matrix', () => {
  it('is taken like typed arrays', async () => {
    const ensemble = await fit(members, { dimension: 4, weights: [0.7, 0.3] });
    const expected = await fit(typed, { dimension: 4, weights: [0.7, 0.3] });
    expect(ensemble.components).toEqual(expected.components);
    expect((await transform(ensemble, members)).values).toEqual((await transform(expected, typed)).values);
    const pairs = [{ id1: 'v1', id2: 'v4' }];
    expect(pairCosines(members[0], pairs)).toEqual(pairCosines(typed[0], pairs));
    const shares = {
      name: 'p',
      ids: ['x', 'y'],
      matrix: new Matrix([
        [0.25, 0.75],
        [0.5, 0.5],
      ]),
    };
    expect([...combineProbabilities([shares]).labels]).toEqual([1, 0]);
    const short = { ...members[0], ids: ids.slice(1) };
    await expect(fit([short], { dimension: 2 })).rejects.toThrow(
      'expected a matrix of 22 rows, one for each id, got 23',
    );
  });

  it('is given: the rows are the joined ones times the projection, as its own decomposition has them', async () => {
    const { ensemble, embeddings } = await fitTransform(members, { dimension: 4 });
    const joined = new Matrix(
      ids.map((_, i) =>
        members.flatMap(({ matrix }) => {
          const row = matrix.getRow(i);
          const length = Math.hypot(...row);
          return row.map((value) => (value / length) * Math.SQRT1_2);
        }),
      ),
    );
    const rows = joined.mmul(projectionMatrix(ensemble));
    expect(distance(rows.to1DArray(), matrixOf(embeddings).to1DArray())).toBeLessThan(1e-12);
    const { diagonal } = new SingularValueDecomposition(joined);
    expect(distance(ensemble.singularValues, diagonal.slice(0, 4))).toBeLessThan(1e-9);
  });
});

describe('eigenvectors', () => {
  const symmetric = (n: number): Float64Array => {
    const x = Float64Array.from({ length: 2 * n * n }, (_, i) => Math.sin(i * i * 0.37 + i));
    const gram = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) for (let r = 0; r < 2 * n; r++) gram[i * n + j] += x[r * n + i] * x[r * n + j];
    }
    return gram;
  };

  it('are the same on both sides of the line', async () => {
    for (const [n, count] of [
      [40, 9],
      [40, 30],
      [40, 40],
      [9, 3],
    ]) {
      const matrix = symmetric(n);
      const copy = symmetricMatrix(n);
      copy.matrix.set(matrix);
      const { values, vectors } = await topEigen(copy, n, count);
      const all = new EigenvalueDecomposition(Matrix.from1DArray(n, n, matrix), { assumeSymmetric: true });
      const expected = [...all.realEigenvalues].sort((a, b) => b - a).slice(0, count);
      expect(distance(values, expected) / expected[0]).toBeLessThan(1e-12);
      const own = Matrix.from1DArray(count, n, vectors); // [count, n]
      const image = own.mmul(Matrix.from1DArray(n, n, matrix)); // A v = lambda v
      const scaled = Matrix.diag(Array.from(values)).mmul(own);
      expect(distance(image.to1DArray(), scaled.to1DArray()) / expected[0]).toBeLessThan(1e-12);
      for (let k = 0; k < count; k++) {
        const largest = own.getRow(k).reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
        expect(largest).toBeGreaterThan(0);
      }
    }
  });

  it('are all made where some are no cheaper', () => {
    expect([isWorthAll(16, 4), isWorthAll(64, 16), isWorthAll(64, 40), isWorthAll(1536, 256)]).toEqual([
      false,
      false,
      true,
      false,
    ]);
    expect([isWorthAll(8, 4), isWorthAll(128, 128), isWorthAll(512, 512)]).toEqual([true, true, false]);
  });
});
