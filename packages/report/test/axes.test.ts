import { describe, expect, it } from 'vitest';
import { curveChart, type CurveChartOptions } from '../src/index.js';
import { histogram, splitChart, tagChart } from '../src/data-charts.js';

/** What a chart says, in the order of its marks. */
const textsOf = (chart: unknown): string[] =>
  [...String(chart).matchAll(/<text[^>]*>([^<]+)</g)].map(([, text]) => text);

/** The texts below the horizontal axis or beside the vertical one. */
function ticksOf(chart: unknown, axis: 'x' | 'y'): string[] {
  const group = String(chart).match(new RegExp(`aria-label="${axis}-axis tick label".*?</g>`, 's'));
  return textsOf(group?.[0] ?? '');
}

const curves = (steps: readonly number[], values: readonly number[]): CurveChartOptions['curves'] => [
  { label: 'held out', points: steps.map((step, i) => ({ step, value: values[i] })), style: 'dots' },
];

describe('axes of curves', () => {
  it('name a single step, and draw its baseline from side to side', () => {
    const baseline = { label: 'baseline', points: [{ step: 80, value: 0.07 }], style: 'baseline' } as const;
    const chart = String(curveChart({ curves: [...curves([80], [0.42]), baseline], fromZero: true }));
    expect(ticksOf(chart, 'x')).toEqual(['80']);
    const rule = chart.match(/<line[^>]*stroke-dasharray[^>]*>|stroke-dasharray[^>]*>\s*<line[^>]*>/)?.[0] ?? '';
    const [from, to] = ['x1', 'x2'].map((name) => Number(rule.match(new RegExp(`${name}="([\\d.]+)"`))?.[1]));
    expect([from, to]).toEqual([44, 280]); // the whole width between the margins
  });

  it('mark a line of one point', () => {
    for (const style of ['main', 'other', 'faint', 'series-3'] as const) {
      const chart = String(curveChart({ curves: [{ label: '', points: [{ step: 1, value: 2 }], style }] }));
      expect(chart, style).toContain('<circle');
    }
  });

  it.each([
    [
      [1, 2],
      ['1', '2'],
    ],
    [
      [7, 9],
      ['7', '8', '9'],
    ],
    [
      [1, 3000],
      ['1,000', '2,000', '3,000'],
    ],
  ])('name whole steps of %j', (steps, ticks) => {
    expect(ticksOf(curveChart({ curves: curves(steps, [1, 2]) }), 'x')).toEqual(ticks);
  });

  it.each([
    [[0, 0], true, ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']],
    [[0, 0], false, ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']],
    [[2, 2], false, ['1.0', '1.5', '2.0', '2.5', '3.0']],
    [[-2, -2], false, ['−3.0', '−2.5', '−2.0', '−1.5', '−1.0']],
  ])('have room around the one value of %j (from zero: %s)', (values, fromZero, ticks) => {
    expect(ticksOf(curveChart({ curves: curves([1, 2], values), fromZero }), 'y')).toEqual(ticks);
  });

  it('draw nothing of no values', () => {
    expect(String(curveChart({ curves: curves([1], [NaN]) }))).not.toMatch(/NaN|Infinity|\d\.\d{6}/);
  });
});

describe('axes of a data page', () => {
  it('show one value as one bar, with its name below', () => {
    const chart = histogram([10, 10, 10], 'seconds');
    expect([ticksOf(chart, 'x'), ticksOf(chart, 'y')]).toEqual([['10.0'], ['0', '1', '2', '3']]);
    const width = Number(String(chart).match(/<rect[^>]*width="([\d.]+)"/)?.[1]);
    expect(width).toBeLessThan(250);
  });

  it('count in whole numbers', () => {
    for (const chart of [histogram([5], 'seconds'), tagChart([{ tag: '猫', count: 1 }], 'videos')]) {
      expect(ticksOf(chart, 'y')).toEqual(['0', '1']);
    }
    expect(ticksOf(tagChart([{ tag: '猫', count: 12_000 }], 'videos'), 'y')).toContain('12,000');
  });

  it('stand where nothing was counted', () => {
    for (const chart of [histogram([], 'seconds'), tagChart([], 'videos')]) {
      expect(ticksOf(chart, 'y')).toEqual(['0', '1']);
    }
    expect(String(splitChart([{ split: 'labeled', videos: 0 }]))).toMatch(/<rect[^>]*width="0"/);
  });
});
