import * as Plot from '@observablehq/plot';
import { formatCount } from './format.js';
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
const MOST_STEP_TICKS = 4;

/** Curves over steps, as wide as the card they stand in; values that are not finite are left out. */
export function curveChart({ curves, format, fromZero = false, across = 'step' }: CurveChartOptions): Html {
  const finite = curves.map((curve) => {
    return { ...curve, points: curve.points.filter(({ value }) => Number.isFinite(value)) };
  });
  const points = finite.flatMap((curve) => curve.points);
  const y = {
    ...{ label: null, grid: true, tickSize: 0, ticks: 5, nice: true, zero: fromZero },
    ...(format !== undefined && { tickFormat: format }),
    ...oneValue(points, fromZero),
  };
  const x = {
    label: across,
    labelAnchor: 'right',
    labelOffset: 30,
    tickSize: 0,
    nice: false,
    ...steps(points),
  } as const;
  return rawHtml(renderSvg({ ...SIZE, x, y, marks: finite.flatMap(marksOf) }, { fontSize: 11, fluid: true }));
}

/** Marks of the horizontal axis: whole numbers, however few steps there are; a single step stands in the middle. */
function steps(points: readonly Point[]): Plot.ScaleOptions {
  if (points.length === 0) return {};
  const [first, last] = extent(points.map(({ step }) => step));
  if (first === last) return { domain: [first - 1, first + 1], ticks: [first], tickFormat: formatCount };
  if (last - first >= MOST_STEP_TICKS) return { ticks: MOST_STEP_TICKS };
  return { ticks: Array.from({ length: last - first + 1 }, (_, i) => first + i), tickFormat: formatCount };
}

/** An axis from one value to the same has no length: room on both sides, or from 0 to 1 where nothing is above 0. */
function oneValue(points: readonly Point[], fromZero: boolean): Plot.ScaleOptions {
  const [low, high] = extent(points.map(({ value }) => value));
  if (low !== high || (fromZero && high !== 0)) return {};
  return { domain: high === 0 ? [0, 1] : [high - Math.abs(high) / 2, high + Math.abs(high) / 2] };
}

function extent(values: readonly number[]): [number, number] {
  const widen = ([low, high]: [number, number], value: number): [number, number] => {
    return [Math.min(low, value), Math.max(high, value)];
  };
  return values.reduce(widen, [Infinity, -Infinity]);
}

function marksOf({ points, style }: Curve): Plot.Markish[] {
  const data = thin(points, MOST_POINTS);
  const channels = { x: 'step', y: 'value' } as const;
  const { color, ...look }: Look = LOOKS[style] ?? {
    color: `var(--${style})`,
    strokeWidth: 1.5,
    strokeLinejoin: 'round',
  };
  const line = Plot.line(data, { ...channels, ...look, stroke: color });
  const dots = Plot.dot(data, {
    ...channels,
    r: 3,
    fill: color,
    fillOpacity: look.strokeOpacity ?? 1,
    stroke: 'var(--card)',
  });
  if (style === 'dots') return [line, dots];
  if (data.length !== 1) return [line];
  return style === 'baseline' ? [Plot.ruleY(data, { y: 'value', ...look, stroke: color })] : [dots];
}

interface Look {
  readonly color: string;
  readonly strokeWidth: number;
  readonly strokeOpacity?: number;
  readonly strokeLinejoin?: string;
  readonly strokeDasharray?: string;
}

const LOOKS: Readonly<Partial<Record<CurveStyle, Look>>> = {
  faint: { color: 'var(--main)', strokeOpacity: 0.25, strokeWidth: 1 },
  main: { color: 'var(--main)', strokeWidth: 2, strokeLinejoin: 'round' },
  other: { color: 'var(--other)', strokeWidth: 2, strokeLinejoin: 'round' },
  dots: { color: 'var(--other)', strokeWidth: 2 },
  baseline: { color: 'var(--ink-soft)', strokeDasharray: '5 4', strokeWidth: 1.5 },
};

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
