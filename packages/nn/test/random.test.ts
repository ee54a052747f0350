import { describe, expect, it } from 'vitest';
import {
  foldIn,
  permutation,
  randomBits,
  randomInt,
  randomKey,
  truncatedNormal,
  undrawn,
  uniform,
} from '../src/index.js';

const key = randomKey(2022);

it('gives the same numbers for the same key, forever', () => {
  expect([0, 1, 2].map((i) => randomBits(key, i))).toEqual([0, 1, 2].map((i) => randomBits(randomKey(2022), i)));
  expect([0, 1, 2].map((i) => randomBits(key, i))).toMatchInlineSnapshot(`
    [
      3736528403,
      2735076570,
      1356409784,
    ]
  `);
});

it('is uniform', () => {
  const bins = new Int32Array(10);
  for (let i = 0; i < 100_000; i++) bins[randomInt(key, i, 10)]++;
  // Chi-squared with 9 degrees of freedom: 27.9 is passed once in a thousand.
  expect(bins.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9);
});

it('derives keys whose streams have nothing in common', () => {
  const streams = [key, foldIn(key, 0), foldIn(key, 1), foldIn(key, 'mlm'), foldIn(foldIn(key, 0), 1)];
  const draws = new Set(streams.flatMap((k) => Array.from({ length: 1000 }, (_, i) => randomBits(k, i))));
  expect(draws.size).toBeGreaterThan(4995);
});

it('has no correlation between neighbouring positions or keys', () => {
  const centred = (k: typeof key, i: number): number => uniform(k, i) - 0.5;
  let positions = 0;
  let keys = 0;
  for (let i = 0; i < 100_000; i++) {
    positions += centred(key, i) * centred(key, i + 1);
    keys += centred(foldIn(key, i), 0) * centred(foldIn(key, i + 1), 0);
  }
  // The standard deviation of each mean is 1 / 12 / sqrt(100,000) = 0.00026.
  expect(Math.abs(positions / 100_000)).toBeLessThan(0.001);
  expect(Math.abs(keys / 100_000)).toBeLessThan(0.001);
});

it('permutes without loss', () => {
  const order = permutation(key, 101);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 101 }, (_, i) => i));
  expect([...order]).not.toEqual([...permutation(foldIn(key, 1), 101)]);
});

it('draws a normal distribution cut at two deviations', () => {
  const values = truncatedNormal(key, 500_000, 0.02);
  const variance = values.reduce((sum, x) => sum + x * x, 0) / values.length;
  expect(Math.max(...values.slice(0, 10_000))).toBeLessThanOrEqual(0.04);
  expect(Math.sqrt(variance) / 0.02).toBeCloseTo(0.8796, 2); // the deviation of the cut distribution
});

it('refuses a seed that is no integer', () => {
  expect(() => randomKey(0.5)).toThrow('expected an integer seed, got 0.5');
});

describe('a key that draws nothing below some paths', () => {
  const at = (k: typeof key, ...names: (string | number)[]): number[] => [
    ...truncatedNormal(names.reduce(foldIn, k), 3, 1),
  ];
  const given = undrawn(key, ['encoder.bert', 'mlm']);

  it('gives zeros there, and elsewhere what it gave before', () => {
    expect(at(given, 'encoder', 'bert')).toEqual([0, 0, 0]);
    expect(at(given, 'encoder', 'bert', 'layers', 3)).toEqual([0, 0, 0]);
    expect(at(given, 'mlm')).toEqual([0, 0, 0]);
    for (const names of [[], ['encoder'], ['encoder', 'frames'], ['encoder', 'bertha'], ['bert'], ['mlm2']])
      expect(at(given, ...names), names.join()).toEqual(at(key, ...names));
  });

  it('gives zeros everywhere without paths, and draws all with none', () => {
    expect(at(undrawn(key))).toEqual([0, 0, 0]);
    expect(at(undrawn(key), 'x', 1)).toEqual([0, 0, 0]);
    expect(at(undrawn(key, []), 'x')).toEqual(at(key, 'x'));
  });
});
