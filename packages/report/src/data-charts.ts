import * as Plot from '@observablehq/plot';
import { formatCount, formatNumber } from './format.js';
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
    x: { axis: null, domain: [0, Math.max(1, ...bars.map(({ videos }) => videos))] },
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
    y: counts('videos', videos.length),
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
    y: counts(unit, tags.length),
    marks: [Plot.barY(tags, { x: 'tag', y: 'count', fill: BAR_COLOR, rx: 2 }), Plot.ruleY([0])],
  });
}

/** How values are spread, in twenty or so bars; `label` is what is measured. */
export function histogram(values: readonly number[], label: string): Html {
  const [first] = values;
  const same = values.every((value) => value === first);
  const one = { x1: first - 0.5, x2: first + 0.5, y: values.length };
  return draw({
    width: 510,
    height: 200,
    marginBottom: 40,
    x: { label, ...(same && values.length > 0 && { ...ONE_BAR, domain: [first - 1, first + 1], ticks: [first] }) },
    y: counts('videos', values.length),
    marks: [
      values.length > 0 && same // nothing to divide into bars
        ? Plot.rectY([one], { x1: 'x1', x2: 'x2', y: 'y', fill: BAR_COLOR })
        : Plot.rectY(values, { ...Plot.binX({ y: 'count' }, { x: Plot.identity }), fill: BAR_COLOR }),
      Plot.ruleY([0]),
    ],
  });
}

const ONE_BAR = { tickFormat: formatNumber, labelAnchor: 'right' } as const;

/** An axis of counts: nothing between whole numbers is named. */
function counts(label: string, of: number): Plot.ScaleOptions {
  const tickFormat = (value: number): string => (Number.isInteger(value) ? formatCount(value) : '');
  return { label, grid: true, tickFormat, ...(of === 0 && { domain: [0, 1] }) };
}

function draw(options: Plot.PlotOptions): Html {
  return rawHtml(renderSvg(options, { fontSize: 13 }));
}
