import * as Plot from '@observablehq/plot';
import type { TagCount } from '@wbdc/data';
import { parseHTML } from 'linkedom';

const COLORS = ['#9db8ec', '#3563c9', '#e0853d'];
const GROUP_LABEL = { frameAnchor: 'bottom', textAnchor: 'start', dx: -4, fill: '#66707f' } as const;
const FONT = { fontFamily: 'system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif' };

/** The colours of up to three splits. */
function colors(splits: readonly string[]) {
  return { domain: [...splits], range: COLORS.slice(-splits.length) };
}

/** Videos of each split as one bar. */
export function splitChart(bars: readonly { readonly split: string; readonly videos: number }[]): string {
  const splits = bars.map(({ split }) => split);
  return render({
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
): string {
  const starts = ids.filter((id, index) => index === 0 || id.slice(0, 2) !== ids[index - 1].slice(0, 2));
  return render({
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
export function tagChart(tags: readonly TagCount[], unit: string): string {
  return render({
    width: 1040,
    height: 290,
    marginBottom: 70,
    x: { label: null, domain: tags.map(({ tag }) => tag), tickRotate: -45, tickSize: 0 },
    y: { label: unit, grid: true },
    marks: [Plot.barY(tags, { x: 'tag', y: 'count', fill: COLORS[1], rx: 2 }), Plot.ruleY([0])],
  });
}

/** How values are spread, in twenty or so bars. */
export function histogram(values: readonly number[], label: string): string {
  return render({
    width: 510,
    height: 200,
    marginBottom: 40,
    x: { label },
    y: { label: 'videos', grid: true },
    marks: [
      Plot.rectY(values, { ...Plot.binX({ y: 'count' }, { x: Plot.identity }), fill: COLORS[1] }),
      Plot.ruleY([0]),
    ],
  });
}

/** SVG text; Plot draws into a document of linkedom, as there is no browser. */
function render(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html></html>');
  const plot = Plot.plot({ ...options, style: { ...FONT, fontSize: '13px', background: 'none' }, document });
  return plot.outerHTML;
}
