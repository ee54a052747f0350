import { expect, test, vi } from 'vitest';
import { inJavaScript, inWebAssembly, lowerProduct, type LowerProduct } from '../src/lower-product.js';
import { distance, noise } from './noise.js';

function filled(make: (n: number) => LowerProduct, n: number, values: Float64Array): LowerProduct {
  const made = make(n);
  made.matrix.set(values);
  return made;
}

test.each([1, 2, 3, 4, 5, 6, 7, 8, 13, 22, 47])('of the first %i rows', (rows) => {
  const n = 47;
  const matrix = noise(3, n * n).map((value, i) => (i % n > Math.floor(i / n) ? Number.NaN : value)); // above: nothing
  const [y, x] = [noise(5, rows), noise(7, rows)];
  const entry = (i: number, j: number): number => matrix[Math.max(i, j) * n + Math.min(i, j)];
  const expected = x.map((value, i) => y.reduce((sum, other, j) => sum + entry(i, j) * other, value));
  for (const make of [inJavaScript, inWebAssembly, lowerProduct]) {
    const result = x.slice();
    filled(make, n, matrix).multiply(y, result);
    expect(distance(result, expected), make.name).toBeLessThan(1e-13);
  }
});

test('a part of the matrix as the vector', () => {
  const { matrix, multiply } = filled(inWebAssembly, 5, noise(3, 25));
  const expected = new Float64Array(4);
  filled(inJavaScript, 5, matrix).multiply(matrix.slice(20, 24), expected);
  const result = new Float64Array(4);
  multiply(matrix.subarray(20, 24), result);
  expect(distance(result, expected)).toBeLessThan(1e-14);
});

test('without WebAssembly: in JavaScript', () => {
  vi.stubGlobal('WebAssembly', undefined);
  try {
    const { matrix, multiply } = lowerProduct(1);
    matrix[0] = 3;
    const result = Float64Array.of(5);
    multiply(Float64Array.of(2), result);
    expect(result[0]).toBe(11);
    expect(() => inWebAssembly(1)).toThrow();
  } finally {
    vi.unstubAllGlobals();
  }
});
