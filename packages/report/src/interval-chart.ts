import * as Plot from '@observablehq/plot';
import { figure } from './components.js';
import { rawHtml, type Html } from './markup.js';
import { renderSvg } from './svg.js';

/** A value between two others. */
export interface IntervalRow {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** A model, which is drawn stronger than what it is compared with. */
  readonly model: boolean;
}

/** Values with their intervals, one below the other. @param across what they measure */
export function intervalChart({
  rows,
  across,
}: {
  readonly rows: readonly IntervalRow[];
  readonly across: string;
}): Html {
  const color = ({ model }: IntervalRow): string => (model ? 'var(--main)' : 'var(--other)');
  const finite = rows.filter(({ low, high }) => Number.isFinite(low) && Number.isFinite(high));
  const plot: Plot.PlotOptions = {
    width: 760,
    height: 60 + 24 * rows.length,
    marginLeft: 280,
    marginBottom: 40,
    x: { grid: true, nice: true, tickSize: 0, label: across, labelArrow: 'none' },
    y: { domain: rows.map(({ label }) => label), label: null, tickSize: 0 },
    marks: [
      Plot.link(finite, {
        ...{ x1: 'low', x2: 'high', y1: 'label', y2: 'label' },
        ...{ stroke: color, strokeWidth: 3, strokeOpacity: 0.5, strokeLinecap: 'round' },
      }),
      Plot.dot(rows, { x: 'value', y: 'label', r: 4, fill: color }),
    ],
  };
  return figure(rawHtml(renderSvg(plot, { fluid: true })));
}
