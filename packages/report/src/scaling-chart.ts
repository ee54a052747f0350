import * as Plot from '@observablehq/plot';
import { COLORS, renderSvg } from './svg.js';

/** What grows with a count. */
export interface ScalingPanel {
  readonly title: string;
  /** Counts and values above 0. */
  readonly points: readonly { readonly count: number; readonly value: number }[];
}

export interface ScalingChartOptions {
  readonly panels: readonly ScalingPanel[];
  /** What is counted. */
  readonly across: string;
  /** What the values are. */
  readonly up: string;
}

const COLUMNS = 5;
const PANEL = { width: 190, height: 150 };

/**
 * How values grow with a count, a panel each on the same two logarithmic axes, as an SVG of its own. A dashed line
 * through each panel's first point grows in proportion to the count: what is steeper grows faster. What is not above 0
 * has no logarithm and is left out.
 */
export function scalingChart({ panels, across, up }: ScalingChartOptions): string {
  const placed = panels.map(({ title, points }, i) => ({
    title,
    place: { fx: i % COLUMNS, fy: Math.floor(i / COLUMNS) },
    points: points.filter(({ count, value }) => count > 0 && value > 0).sort((a, b) => a.count - b.count),
  }));
  const measured = placed.flatMap(({ place, points }) => points.map((point) => ({ ...place, ...point })));
  const proportional = placed.flatMap(({ place, points: [first, ...others] }) =>
    first === undefined || others.length === 0
      ? []
      : [first, others.at(-1)!].map(({ count }) => ({ ...place, count, value: (first.value * count) / first.count })),
  );
  const titles = placed.map(({ title, place }) => ({ ...place, title }));
  const channels = { x: 'count', y: 'value', fx: 'fx', fy: 'fy' } as const;
  const rows = Math.ceil(panels.length / COLUMNS);
  const plot: Plot.PlotOptions = {
    width: 60 + PANEL.width * Math.min(COLUMNS, panels.length),
    height: 80 + PANEL.height * rows,
    marginLeft: 48,
    marginTop: 40,
    marginBottom: 40,
    fx: { axis: null, padding: 0.12 },
    fy: { axis: null, padding: 0.22 },
    x: { type: 'log', label: across, ticks: 3, tickFormat: '~s', grid: true, tickSize: 0 },
    y: { type: 'log', label: up, ticks: 5, tickFormat: '~g', grid: true, tickSize: 0 },
    marks: [
      Plot.line(proportional, { ...channels, stroke: COLORS.ink, strokeOpacity: 0.35, strokeDasharray: '4 3' }),
      Plot.line(measured, { ...channels, stroke: COLORS.main, strokeWidth: 2 }),
      Plot.dot(measured, { ...channels, fill: COLORS.main, r: 3 }),
      Plot.text(titles, { fx: 'fx', fy: 'fy', text: 'title', frameAnchor: 'top', dy: -12, fontWeight: 'bold' }),
    ],
  };
  return renderSvg(plot, { standalone: true });
}
