import { expect, test } from 'vitest';
import { combineProbabilities, type Embeddings } from '@wbdc/ensemble-svd';

const member = (name: string, ids: string[], rows: number[][]): Embeddings => {
  return { name, ids, width: rows[0].length, values: Float32Array.from(rows.flat()) };
};
const a = member(
  'a',
  ['x', 'y'],
  [
    [0.5, 0.25, 0.25],
    [0, 0.5, 0.5],
  ],
);
const b = member(
  'b',
  ['y', 'x'],
  [
    [0.125, 0.125, 0.75],
    [0.25, 0.75, 0],
  ],
);

test('weighted mean, by hand; rows follow the ids of the first model', () => {
  const { ids, width, values, labels } = combineProbabilities([a, b], [1, 3]);
  expect([...values]).toEqual([0.3125, 0.625, 0.0625, 0.09375, 0.21875, 0.6875]);
  expect({ ids, width, labels: [...labels] }).toEqual({ ids: ['x', 'y'], width: 3, labels: [1, 2] });
});

test('equal weights by default; of equal probabilities the first class', () => {
  expect([...combineProbabilities([a, b]).values]).toEqual([0.375, 0.5, 0.125, 0.0625, 0.3125, 0.625]);
  expect([...combineProbabilities([a]).labels]).toEqual([0, 1]);
});

test('probabilities of questions of their own need no sum of 1, yet lie in 0 to 1', () => {
  const [one, other] = [
    [0.9, 0.8, 0],
    [0.3, 0, 0.2],
  ].map((row, i) => member(String(i), ['x'], [row]));
  expect([...combineProbabilities([one, other], [1, 3], { independent: true }).values]).toEqual(
    [0.45, 0.2, 0.15].map((value) => expect.closeTo(value, 6)),
  );
  const logit = member('c', ['x'], [[2, 0, 0]]);
  expect(() => combineProbabilities([logit], [1], { independent: true })).toThrow('got 2 for class 0');
});

test('errors', () => {
  const logits = member(
    'b',
    ['x', 'y'],
    [
      [0.5, 0.25, 0.25],
      [2, -1, 0],
    ],
  );
  expect(() => combineProbabilities([a, logits])).toThrow(
    "model 'b', id 'y': expected probabilities, 0 to 1 with sum 1, got 2",
  );
  const low = member(
    'b',
    ['x', 'y'],
    [
      [0.5, 0.25, 0.25],
      [0.5, 0.25, 0],
    ],
  );
  expect(() => combineProbabilities([a, low])).toThrow('got a sum of 0.75');
  const nan = member(
    'b',
    ['x', 'y'],
    [
      [0.5, 0.25, 0.25],
      [Number.NaN, 1, 0],
    ],
  );
  expect(() => combineProbabilities([a, nan])).toThrow('got NaN for class 0');
  const two = member(
    'b',
    ['x', 'y'],
    [
      [0.5, 0.5],
      [0.5, 0.5],
    ],
  );
  expect(() => combineProbabilities([a, two])).toThrow("got 3 of 'a' and 2 of 'b'");
  expect(() => combineProbabilities([a, { ...b, ids: ['x', 'z'] }])).toThrow(
    "1 (first: y) missing and 1 (first: z) extra in 'b'",
  );
  expect(() => combineProbabilities([a, b], [1])).toThrow('weights: expected 2 numbers');
});
