import { describe, expect, it } from 'vitest';
import { curveChart, smooth, thin } from '../src/index.js';

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
