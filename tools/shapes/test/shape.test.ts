import { describe, expect, it } from 'vitest';
import { assertShape, LEGEND, matchShape, parseShapes, readLegend } from '../shape.js';

const SIZES = { B: 3, L: 5, F: 7, D: 22, H: 2 };

describe('assertShape', () => {
  it.each<[string, number[]]>([
    ['[B, L + F, D]', [3, 12, 22]],
    ['[B, 1 + F, D/H]', [3, 8, 11]],
    ['[B, 2 D]', [3, 44]],
    ['[B, L - 1, H * D]', [3, 4, 44]],
    ['[..., D]', [22]],
    ['[..., 1]', [3, 5, 1]],
    ['[]', []],
    ['[B, D] or [B, 2 D]', [3, 22]],
    ['[B, D] or [B, 2 D]', [3, 44]],
    ['[N, M, N]', [4, 9, 4]],
  ])('takes %s for %j', (spec, shape) => assertShape({ shape }, spec, SIZES));

  it.each<[string, number[], string]>([
    ['[B, L, D]', [3, 7, 22], 'expected [B, L, D] with B = 3, L = 5, D = 22, got [3, 7, 22]'],
    ['[B, L]', [3, 5, 1], 'expected [B, L] with B = 3, L = 5, got [3, 5, 1]'],
    ['[..., D, D]', [22], 'expected [..., D, D] with D = 22, got [22]'],
    ['[N, M, N]', [4, 9, 5], 'expected [N, M, N], got [4, 9, 5]'],
    ['[D/H]', [12], 'expected [D/H] with D = 22, H = 2, got [12]'],
    ['[B, D] or [B, 2 D]', [3, 33], 'expected [B, D] or [B, 2 D] with B = 3, D = 22, got [3, 33]'],
    ['[N + M]', [9], 'expected the sizes of N, M'],
  ])('does not take %s for %j', (spec, shape, message) => {
    expect(() => assertShape({ shape }, spec, SIZES)).toThrow(message);
  });
});

it('learns sizes, from calculations too and in any order', () => {
  const sizes = new Map([['B', 3]]);
  matchShape('[M + N, N, B + Q, D/K, K]', [9, 4, 10, 11, 2], sizes);
  expect(Object.fromEntries(sizes)).toEqual({ B: 3, N: 4, M: 5, Q: 7, K: 2, D: 22 });
});

it('learns nothing from a shape that does not fit', () => {
  const sizes = new Map<string, number>();
  expect(() => matchShape('[N, N]', [4, 5], sizes)).toThrow();
  expect(sizes.size).toBe(0);
});

describe('the legend', () => {
  it('is that of ARCHITECTURE.md', () => {
    for (const letter of ['B', 'L', 'F', 'D', 'H', 'V', 'Dv', 'T', 'C']) expect(LEGEND).toContain(letter);
    expect(() => readLegend('# Architecture\n\n## Shapes\n\nNone.\n\n## Layers\n\n**X**\n')).toThrow(/got none/);
  });

  it('has all letters of a shape', () => {
    expect(() => parseShapes('[B, X]')).toThrow(/expected letters of ARCHITECTURE.md's legend \(.*\), got 'X'/);
    expect(() => parseShapes('[B, X]', new Set('BX'))).not.toThrow();
  });
});

it.each(['B, L', '[B', '[B, +]', '[B +]', '[B, (D)]', '[B ... D]'])('refuses %j', (spec) => {
  expect(() => parseShapes(spec)).toThrow(SyntaxError);
});
