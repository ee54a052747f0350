import * as Plot from '@observablehq/plot';
import { COLORS, renderSvg } from '@wbdc/report';
import { TITLES } from './plan.js';
import type { ObjectivesResults } from './results.js';

/** What the probe measured by objectives, as an SVG file: a dot per seed, a line through the means, a panel a model. */
export function objectivesChart({ models, measure }: Pick<ObjectivesResults, 'models' | 'measure'>): string {
  const means = models.flatMap(({ model, rows }) => rows.map((row) => ({ ...row, panel: TITLES[model] })));
  const seeds = means.flatMap(({ seeds, label, panel }) => seeds.map(({ value }) => ({ label, panel, value })));
  const plot: Plot.PlotOptions = {
    width: 80 + 420 * models.length,
    height: 340,
    marginLeft: 60,
    marginTop: 40,
    marginBottom: 80,
    fx: { label: null, padding: 0.08, domain: models.map(({ model }) => TITLES[model]) },
    x: {
      domain: [...new Set(means.map(({ label }) => label))],
      label: null,
      tickRotate: -35,
      tickSize: 0,
      type: 'point',
    },
    y: { label: `held-out ${measure} of the probe`, grid: true, nice: true, tickFormat: '.2f' },
    marks: [
      Plot.line(means, { fx: 'panel', x: 'label', y: 'mean', stroke: COLORS.main, strokeWidth: 2 }),
      Plot.dot(seeds, { fx: 'panel', x: 'label', y: 'value', r: 3.5, fill: COLORS.other, fillOpacity: 0.75 }),
    ],
  };
  return `${renderSvg(plot, { fontSize: 13, standalone: true })}\n`;
}
