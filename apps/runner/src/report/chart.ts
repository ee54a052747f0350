import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

export interface Point {
  readonly step: number;
  readonly value: number;
}

/** A curve of a chart. */
export interface Curve {
  readonly label: string;
  readonly points: readonly Point[];
  /** `main` and `other` are lines; `faint` lies behind them; `dots` marks measurements; `baseline` is dashed. */
  readonly style: 'main' | 'other' | 'faint' | 'dots' | 'baseline' | Series;
}

/** One of several lines of the same rank, each with a colour of its own. */
export type Series = `series-${1 | 2 | 3 | 4 | 5 | 6}`;

export interface ChartOptions {
  readonly curves: readonly Curve[];
  /** How the numbers of the vertical axis read. */
  readonly format?: (value: number) => string;
  /** The axis begins at 0. */
  readonly fromZero?: boolean;
  /** What the horizontal axis counts; steps where nothing is said. */
  readonly across?: string;
}

/** About the width of a card on the page, so that the text has the size it says. */
const WIDTH = 290;
const HEIGHT = 180;
/** More points than the picture has pixels make the file larger, not better. */
const MOST_POINTS = 400;

/** An inline SVG whose colours are the page's CSS variables, so that it follows light and dark. */
export function chart({ curves, format, fromZero = false, across = 'step' }: ChartOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const marks = curves.flatMap(toMarks);
  const svg = Plot.plot({
    document: document as never,
    width: WIDTH,
    height: HEIGHT,
    marginLeft: 44,
    marginRight: 10,
    marginTop: 14,
    marginBottom: 34,
    style: {
      background: 'none',
      color: 'var(--ink-soft)',
      fontFamily: 'inherit',
      fontSize: '11px',
      overflow: 'visible',
    },
    x: { label: across, labelAnchor: 'right', labelOffset: 30, tickSize: 0, ticks: 4, nice: false },
    y: {
      label: null,
      grid: true,
      tickSize: 0,
      ticks: 5,
      nice: true,
      zero: fromZero,
      ...(format === undefined ? {} : { tickFormat: format }),
    },
    marks,
  });
  svg.removeAttribute('width');
  svg.removeAttribute('height');
  return String(svg.outerHTML);
}

function toMarks(curve: Curve): Plot.Markish[] {
  const data = thin(
    curve.points.filter(({ value }) => Number.isFinite(value)),
    MOST_POINTS,
  );
  const place = { x: 'step', y: 'value' } as const;
  switch (curve.style) {
    default:
      return [
        Plot.line(data, { ...place, stroke: `var(--${curve.style})`, strokeWidth: 1.5, strokeLinejoin: 'round' }),
      ];
    case 'faint':
      return [Plot.line(data, { ...place, stroke: 'var(--main)', strokeOpacity: 0.25, strokeWidth: 1 })];
    case 'main':
      return [Plot.line(data, { ...place, stroke: 'var(--main)', strokeWidth: 2, strokeLinejoin: 'round' })];
    case 'other':
      return [Plot.line(data, { ...place, stroke: 'var(--other)', strokeWidth: 2, strokeLinejoin: 'round' })];
    case 'dots':
      return [
        Plot.line(data, { ...place, stroke: 'var(--other)', strokeWidth: 2 }),
        Plot.dot(data, { ...place, r: 3, fill: 'var(--other)', stroke: 'var(--card)' }),
      ];
    case 'baseline':
      return [Plot.line(data, { ...place, stroke: 'var(--ink-soft)', strokeDasharray: '5 4', strokeWidth: 1.5 })];
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
