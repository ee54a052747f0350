import * as Plot from '@observablehq/plot';
import { rawHtml, type Html } from './markup.js';
import { renderSvg } from './svg.js';

const SPLIT_COLORS = ['var(--split-1)', 'var(--split-2)', 'var(--split-3)'];
const BAR_COLOR = SPLIT_COLORS[1];
const GROUP_LABEL = { frameAnchor: 'bottom', textAnchor: 'start', dx: -4 } as const;

/** The colours of up to three splits. */
function colors(splits: readonly string[]): Plot.ScaleOptions {
  return { domain: [...splits], range: SPLIT_COLORS.slice(-splits.length) };
}

/** Videos of each split as one bar. */
export function splitChart(bars: readonly { readonly split: string; readonly videos: number }[]): Html {
  const splits = bars.map(({ split }) => split);
  return draw({
    width: 520,
    height: 150,
    marginLeft: 80,
    marginRight: 50,
    x: { axis: null },
    y: { label: null, domain: splits },
    color: colors(splits),
    marks: [
      Plot.barX(bars, { x: 'videos', y: 'split', fill: 'split', rx: 3 }),
      Plot.text(bars, { x: 'videos', y: 'split', text: (bar) => String(bar.videos), dx: 6, textAnchor: 'start' }),
      Plot.axisY({ tickSize: 0, label: null }),
    ],
  });
}

export interface CategoryAxis {
  readonly splits: readonly string[];
  /** Level-2 categories in their order. */
  readonly ids: readonly string[];
  /** Names of level 1 by the first two digits. */
  readonly groups: Readonly<Record<string, string>>;
}

/** Videos per level-2 category, grouped by level 1, each bar stacked by split. */
export function categoryChart(
  videos: readonly { readonly split: string; readonly categoryId: string }[],
  { splits, ids, groups }: CategoryAxis,
): Html {
  const starts = ids.filter((id, index) => index === 0 || id.slice(0, 2) !== ids[index - 1].slice(0, 2));
  return draw({
    width: 1040,
    height: 310,
    marginBottom: 44,
    marginTop: 24,
    x: { axis: null, domain: [...ids], padding: 0.15 },
    y: { label: 'videos', grid: true },
    color: { ...colors(splits), legend: false },
    marks: [
      Plot.barY(videos, Plot.groupX({ y: 'count' }, { x: 'categoryId', fill: 'split', order: [...splits] })),
      // A group of two bars is narrower than its name: every other name goes to a second line.
      ...[0, 1].map((line) =>
        Plot.text(
          starts.filter((_id, index) => index % 2 === line),
          { ...GROUP_LABEL, dy: 16 + 18 * line, x: (id: string) => id, text: (id: string) => groups[id.slice(0, 2)] },
        ),
      ),
      Plot.ruleY([0]),
    ],
  });
}

/** The most frequent tags with their counts; `unit` is what carries them. */
export function tagChart(tags: readonly { readonly tag: string; readonly count: number }[], unit: string): Html {
  return draw({
    width: 1040,
    height: 290,
    marginBottom: 70,
    x: { label: null, domain: tags.map(({ tag }) => tag), tickRotate: -45, tickSize: 0 },
    y: { label: unit, grid: true },
    marks: [Plot.barY(tags, { x: 'tag', y: 'count', fill: BAR_COLOR, rx: 2 }), Plot.ruleY([0])],
  });
}

/** How values are spread, in twenty or so bars; `label` is what is measured. */
export function histogram(values: readonly number[], label: string): Html {
  return draw({
    width: 510,
    height: 200,
    marginBottom: 40,
    x: { label },
    y: { label: 'videos', grid: true },
    marks: [
      Plot.rectY(values, { ...Plot.binX({ y: 'count' }, { x: Plot.identity }), fill: BAR_COLOR }),
      Plot.ruleY([0]),
    ],
  });
}

function draw(options: Plot.PlotOptions): Html {
  return rawHtml(renderSvg(options, { fontSize: 13 }));
}
