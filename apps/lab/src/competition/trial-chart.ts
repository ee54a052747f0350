import * as Plot from '@observablehq/plot';
import { rawHtml, renderSvg, type Card } from '@wbdc/report';
import type { Evidence } from './evidence.js';

/** What each trial gains over the plain one: a dot per seed, and a standard deviation to either side of the mean. */
export function trialCard({ measure, trials }: Evidence): Card {
  const [plain, ...others] = trials;
  const rows = others.map(({ about, values, gain = 0, gainSpread = 0 }) => ({
    ...{ about, gain, from: gain - gainSpread, to: gain + gainSpread },
    seeds: values.map((value, i) => ({ about, gain: value - plain.values[i] })),
  }));
  const plot: Plot.PlotOptions = {
    width: 760,
    height: 50 + 24 * rows.length,
    marginLeft: 320,
    marginBottom: 36,
    x: {
      grid: true,
      nice: true,
      tickFormat: '+.2f',
      tickSize: 0,
      label: `difference of ${measure}`,
      labelArrow: 'none',
    },
    y: { domain: rows.map(({ about }) => about), label: null, tickSize: 0 },
    marks: [
      Plot.ruleX([0], { stroke: 'var(--ink-soft)' }),
      Plot.link(rows, {
        x1: 'from',
        x2: 'to',
        y1: 'about',
        y2: 'about',
        stroke: 'var(--main)',
        strokeWidth: 8,
        strokeOpacity: 0.25,
        strokeLinecap: 'round',
      }),
      Plot.dot(
        rows.flatMap(({ seeds }) => seeds),
        { x: 'gain', y: 'about', r: 2.5, fill: 'var(--other)' },
      ),
      Plot.tickX(rows, { x: 'gain', y: 'about', stroke: 'var(--main)', strokeWidth: 2.5, inset: 4 }),
    ],
  };
  const legend = [
    { label: 'mean, with a standard deviation to either side', style: 'main' },
    { label: 'single seeds', style: 'other' },
  ] as const;
  return { title: `against ${plain.about}`, chart: rawHtml(renderSvg(plot, { fluid: true })), legend };
}
