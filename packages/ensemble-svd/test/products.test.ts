import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { javascriptProducts } from '@wbdc/ensemble-svd';
import { onnxProducts } from '@wbdc/ensemble-svd/onnxruntime';
import { distance, gram, noise } from './noise.js';

/** [m, depth] x [n, depth]^T, the plain way. */
function reference(a: Float64Array, b: Float64Array, m: number, n: number, depth: number): Float64Array {
  return Float64Array.from({ length: m * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += a[row * depth + k] * b[column * depth + k];
    return sum;
  });
}

test.each([
  [1, 1],
  [7, 3],
  [521, 13], // rows beyond two pieces; width not a multiple of the tile
  [263, 29],
  [37, 331], // two panels
])('gram of [%i, %i]', async (rows, width) => {
  const x = noise(5, rows * width);
  const columns = Float64Array.from({ length: x.length }, (_, i) => x[(i % rows) * width + Math.floor(i / rows)]);
  const expected = reference(columns, columns, width, width, rows);
  expect(distance(await gram(x, rows, width), expected)).toBeLessThan(1e-12);
  expect(distance(await gram(x, rows, width, await onnxProducts(ort)), expected)).toBeLessThan(1e-12);
});

test.each([
  [1, 1, 1],
  [11, 523, 7],
  [6, 9, 3],
  [1031, 5, 2], // strips
])('project [%i, %i] to %i', async (rows, width, rank) => {
  const [x, c] = [noise(5, rows * width), noise(7, rank * width)];
  const expected = reference(x, c, rows, rank, width);
  expect(distance(await javascriptProducts.project(x, rows, width, c, rank), expected)).toBeLessThan(1e-12);
  expect(distance(await (await onnxProducts(ort)).project(x, rows, width, c, rank), expected)).toBeLessThan(1e-12);
});
