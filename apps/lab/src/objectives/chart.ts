import * as Plot from '@observablehq/plot';
import { COLORS, renderSvg } from '@wbdc/report';
import { TITLES } from './plan.js';
import type { ModelResults, ObjectivesResults } from './results.js';

const PROBED = { score: 'categories', spearman: 'pairs' };

/** `Single stream (uni-model): categories` */
export function panelOf({ model, measure }: Pick<ModelResults, 'model' | 'measure'>): string {
  return `${TITLES[model][0].toUpperCase()}${TITLES[model].slice(1)}: ${PROBED[measure]}`;
}

/** What the probes measured, as an SVG file: a dot per seed, a line through the means, a panel a model and probe. */
export function objectivesChart({ models }: Pick<ObjectivesResults, 'models'>): string {
  const means = models.flatMap((model) => model.rows.map((row) => ({ ...row, panel: panelOf(model) })));
  const seeds = means.flatMap(({ seeds, label, panel }) => seeds.map(({ value }) => ({ label, panel, value })));
  const plot: Plot.PlotOptions = {
    width: 80 + 420 * models.length,
    height: 340,
    marginLeft: 60,
    marginTop: 40,
    marginBottom: 80,
    fx: { label: null, padding: 0.08, domain: models.map(panelOf) },
    x: {
      domain: [...new Set(means.map(({ label }) => label))],
      label: null,
      tickRotate: -35,
      tickSize: 0,
      type: 'point',
    },
    y: {
      label: `held-out ${[...new Set(models.map(({ measure }) => measure))].join(' or ')} of the probe`,
      grid: true,
      nice: true,
      tickFormat: '.2f',
    },
    marks: [
      Plot.line(means, { fx: 'panel', x: 'label', y: 'mean', stroke: COLORS.main, strokeWidth: 2 }),
      Plot.dot(seeds, { fx: 'panel', x: 'label', y: 'value', r: 3.5, fill: COLORS.other, fillOpacity: 0.75 }),
    ],
  };
  return `${renderSvg(plot, { fontSize: 13, standalone: true })}\n`;
}
