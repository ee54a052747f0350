import { expect, test } from 'vitest';
import { inJavaScript, inWebAssembly, lowerProduct } from '../src/lower-product.js';
import { distance, noise } from './noise.js';

test.each([1, 2, 3, 4, 5, 6, 7, 8, 13, 22, 47])('of the first %i rows', (rows) => {
  const n = 47;
  const matrix = noise(3, n * n).map((value, i) => (i % n > Math.floor(i / n) ? Number.NaN : value)); // above: nothing
  const [y, x] = [noise(5, rows), noise(7, rows)];
  const entry = (i: number, j: number): number => matrix[Math.max(i, j) * n + Math.min(i, j)];
  const expected = x.map((value, i) => y.reduce((sum, other, j) => sum + entry(i, j) * other, value));
  for (const make of [inJavaScript, inWebAssembly, lowerProduct]) {
    const result = x.slice();
    make(matrix.slice(), n).multiply(y, result);
    expect(distance(result, expected), make.name).toBeLessThan(1e-13);
  }
});

test('a part of the matrix as the vector', () => {
  const { matrix, multiply } = inWebAssembly(noise(3, 25), 5);
  const expected = new Float64Array(4);
  inJavaScript(matrix.slice(), 5).multiply(matrix.slice(20, 24), expected);
  const result = new Float64Array(4);
  multiply(matrix.subarray(20, 24), result);
  expect(distance(result, expected)).toBeLessThan(1e-14);
});

test('without memory for WebAssembly: in JavaScript', () => {
  const matrix = new Float64Array(1);
  expect(lowerProduct(matrix, 30_000).matrix).toBe(matrix);
});
