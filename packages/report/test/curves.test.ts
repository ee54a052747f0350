import { describe, expect, it } from 'vitest';
import { curveChart, scalingChart, smooth, thin } from '../src/index.js';

describe('curves', () => {
  it('thins to the ends and evenly between', () => {
    expect(thin([0, 1, 2, 3, 4, 5, 6, 7, 8], 5)).toEqual([0, 2, 4, 6, 8]);
    expect(thin([1, 2], 5)).toEqual([1, 2]);
  });

  it('smooths by the mean around each point, without NaN', () => {
    const values = [1, 3, NaN, 7].map((value, step) => ({ step, value }));
    expect(smooth(values, 3).map(({ value }) => value)).toEqual([2, 2, 5, 7]);
  });

  it('leaves NaN out of a chart', () => {
    const points = [1, NaN, 3].map((value, step) => ({ step, value }));
    expect(String(curveChart({ curves: [{ label: 'x', points, style: 'main' }] }))).not.toContain('NaN');
  });
});

it('what grows with a count: a panel each, on logarithmic axes, beside what grows in proportion', () => {
  const points = [1000, 10_000, 100_000].map((count) => ({ count, value: count ** 2 }));
  const panels = [
    { title: 'square', points },
    { title: 'nothing', points: [{ count: 10, value: 0 }] },
  ];
  const svg = scalingChart({ panels, across: 'videos', up: 'seconds' });
  expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  expect(svg).toContain('square');
  expect(svg).toContain('seconds');
  expect(svg.match(/<circle/g)).toHaveLength(3);
  const slopes = [...svg.matchAll(/ d="M([\d.-]+),([\d.-]+)(?:L[\d.,L-]*)?L([\d.-]+),([\d.-]+)"/g)]
    .map(([, x1, y1, x2, y2]) => (Number(y1) - Number(y2)) / (Number(x2) - Number(x1)))
    .filter((slope) => slope > 0);
  expect(slopes).toHaveLength(2);
  expect(Math.max(...slopes) / Math.min(...slopes)).toBeCloseTo(2, 1); // n^2 beside n
});
