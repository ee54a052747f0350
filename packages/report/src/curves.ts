import * as Plot from '@observablehq/plot';
import { rawHtml, type Html } from './markup.js';
import { renderSvg } from './svg.js';

/** A value at a step of a training, or at another count. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

/** A curve of a chart. */
export interface Curve {
  readonly label: string;
  readonly points: readonly Point[];
  readonly style: CurveStyle;
}

/**
 * `main` and `other` are lines; `faint` lies behind them; `dots` marks measurements; `baseline` is dashed; `series-1`
 * and so on are lines of the same rank, each with a colour of its own.
 */
export type CurveStyle = 'main' | 'other' | 'faint' | 'dots' | 'baseline' | Series;

export type Series = `series-${1 | 2 | 3 | 4 | 5 | 6}`;

export interface CurveChartOptions {
  readonly curves: readonly Curve[];
  /** How the numbers of the vertical axis read. */
  readonly format?: (value: number) => string;
  /** The vertical axis begins at 0. */
  readonly fromZero?: boolean;
  /** What the horizontal axis counts; steps where nothing is said. */
  readonly across?: string;
}

/** About the width of a card on the page, so that the text has the size it says. */
const SIZE = { width: 290, height: 180, marginLeft: 44, marginRight: 10, marginTop: 14, marginBottom: 34 };
/** More points than the picture has pixels make the file larger, not better. */
const MOST_POINTS = 400;

/** Curves over steps, as wide as the card they stand in; values that are not finite are left out. */
export function curveChart({ curves, format, fromZero = false, across = 'step' }: CurveChartOptions): Html {
  const y = {
    ...{ label: null, grid: true, tickSize: 0, ticks: 5, nice: true, zero: fromZero },
    ...(format !== undefined && { tickFormat: format }),
  };
  const x = { label: across, labelAnchor: 'right', labelOffset: 30, tickSize: 0, ticks: 4, nice: false } as const;
  return rawHtml(renderSvg({ ...SIZE, x, y, marks: curves.flatMap(marksOf) }, { fontSize: 11, fluid: true }));
}

function marksOf({ points, style }: Curve): Plot.Markish[] {
  const finite = points.filter(({ value }) => Number.isFinite(value));
  const data = thin(finite, MOST_POINTS);
  const channels = { x: 'step', y: 'value' } as const;
  const line = (options: Plot.LineOptions): Plot.Markish => Plot.line(data, { ...channels, ...options });
  switch (style) {
    case 'faint':
      return [line({ stroke: 'var(--main)', strokeOpacity: 0.25, strokeWidth: 1 })];
    case 'main':
    case 'other':
      return [line({ stroke: `var(--${style})`, strokeWidth: 2, strokeLinejoin: 'round' })];
    case 'dots':
      return [
        line({ stroke: 'var(--other)', strokeWidth: 2 }),
        Plot.dot(data, { ...channels, r: 3, fill: 'var(--other)', stroke: 'var(--card)' }),
      ];
    case 'baseline':
      return [line({ stroke: 'var(--ink-soft)', strokeDasharray: '5 4', strokeWidth: 1.5 })];
    default:
      return [line({ stroke: `var(--${style})`, strokeWidth: 1.5, strokeLinejoin: 'round' })];
  }
}

/** At most `count` points, evenly over the list, ends included. */
export function thin<T>(points: readonly T[], count: number): readonly T[] {
  if (points.length <= count) return points;
  const stride = (points.length - 1) / (count - 1);
  return Array.from({ length: count }, (_, i) => points[Math.round(i * stride)]);
}

/** Mean over a window of `width` points around each; at the ends, over what there is of it. */
export function smooth(points: readonly Point[], width: number): Point[] {
  const reach = Math.floor(width / 2);
  return points.map(({ step }, i) => {
    const window = points.slice(Math.max(0, i - reach), i + reach + 1);
    const finite = window.map(({ value }) => value).filter(Number.isFinite);
    return { step, value: finite.reduce((sum, value) => sum + value, 0) / finite.length };
  });
}
