import * as Plot from '@observablehq/plot';
import { COLORS, renderSvg } from '@wbdc/report';
import { panelOf } from '../objectives/chart.js';
import type { Axis } from '../objectives/plan.js';
import type { AblationCurve } from './results.js';

export const AXIS_TITLES: Readonly<Record<Axis, string>> = {
  share: 'share of the videos',
  epochs: 'epochs of pretraining',
  width: 'width of the model',
  corpus: 'share of the corpus',
};

/** What pretraining gives over an axis, as an SVG file: a dot per seed, a line through the means, a panel a curve. */
export function ablationChart(curves: readonly AblationCurve[], axis: Axis): string {
  const own = curves.filter((curve) => curve.axis === axis);
  const means = own.flatMap((curve) =>
    curve.rows.map(({ value, gain: { mean, error = 0 } }) => {
      return { panel: panelOf(curve), value, gain: mean, low: mean - error, high: mean + error };
    }),
  );
  const seeds = own.flatMap((curve) =>
    curve.rows.flatMap((row) =>
      row.seeds.map(({ none, pretrained }) => ({ panel: panelOf(curve), value: row.value, gain: pretrained - none })),
    ),
  );
  const beside = own.flatMap((curve) =>
    curve.beside ? [{ panel: panelOf(curve), gain: curve.beside.gain.mean, name: curve.beside.name }] : [],
  );
  const what = axis === 'corpus' ? 'general text' : 'pretrained';
  const plot: Plot.PlotOptions = {
    width: 80 + 300 * own.length,
    height: 280,
    marginLeft: 60,
    marginTop: 40,
    marginBottom: 48,
    fx: { label: null, padding: 0.08, domain: own.map(panelOf) },
    x: {
      type: 'log',
      label: AXIS_TITLES[axis],
      labelArrow: 'none',
      labelOffset: 42,
      ticks: [...new Set(means.map(({ value }) => value))],
      tickFormat: String,
      tickSize: 0,
      insetLeft: 12,
      insetRight: 12,
    },
    y: { label: `${what}, less no pretraining`, labelArrow: 'none', grid: true, nice: true, tickFormat: '+.3f' },
    marks: [
      Plot.ruleY([0]),
      Plot.ruleY(beside, { fx: 'panel', y: 'gain', stroke: COLORS.other, strokeDasharray: '4 3' }),
      Plot.text(beside, {
        ...{ fx: 'panel', y: 'gain', text: 'name' },
        ...{ frameAnchor: 'right', dy: 9, textAnchor: 'end' },
      }),
      Plot.link(means, {
        ...{ fx: 'panel', x1: 'value', x2: 'value', y1: 'low', y2: 'high' },
        ...{ stroke: COLORS.main, strokeWidth: 8, strokeOpacity: 0.25 },
      }),
      Plot.line(means, { fx: 'panel', x: 'value', y: 'gain', stroke: COLORS.main, strokeWidth: 2 }),
      Plot.dot(seeds, { fx: 'panel', x: 'value', y: 'gain', r: 3, fill: COLORS.other, fillOpacity: 0.75 }),
    ],
  };
  return `${renderSvg(plot, { fontSize: 13, standalone: true })}\n`;
}
