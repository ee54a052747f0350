import * as Plot from '@observablehq/plot';
import type { TagCount } from '@wbdc/data';
import { parseHTML } from 'linkedom';
import type { CategoryName } from './items.js';
import type { DemoPlan } from './plan.js';
import { DEMO_SPLITS } from './splits.js';
import type { DemoSummary } from './summary.js';

const COLORS = { domain: [...DEMO_SPLITS], range: ['#9db8ec', '#3563c9', '#e0853d'] };
const GROUP_LABEL = { frameAnchor: 'bottom', textAnchor: 'start', dx: -4, fill: '#66707f' } as const;
const FONT = { fontFamily: 'system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif' };

/** Videos of each split as one bar. */
export function splitChart({ splits }: DemoSummary): string {
  const bars = DEMO_SPLITS.map((split) => ({ split, videos: splits[split].videos }));
  return render({
    width: 520,
    height: 150,
    marginLeft: 80,
    marginRight: 50,
    x: { axis: null },
    y: { label: null, domain: [...DEMO_SPLITS] },
    color: COLORS,
    marks: [
      Plot.barX(bars, { x: 'videos', y: 'split', fill: 'split', rx: 3 }),
      Plot.text(bars, { x: 'videos', y: 'split', text: (bar) => String(bar.videos), dx: 6, textAnchor: 'start' }),
      Plot.axisY({ tickSize: 0, label: null }),
    ],
  });
}

/** Videos per level-2 category, grouped by level 1, each bar stacked by split. */
export function categoryChart(plan: DemoPlan, categories: Readonly<Record<string, CategoryName>>): string {
  const videos = DEMO_SPLITS.flatMap((split) => plan[split].map(({ categoryId }) => ({ split, categoryId })));
  const ids = Object.keys(categories);
  const groups = ids.filter((id, index) => index === 0 || id.slice(0, 2) !== ids[index - 1].slice(0, 2));
  return render({
    width: 1040,
    height: 310,
    marginBottom: 44,
    marginTop: 24,
    x: { axis: null, domain: ids, padding: 0.15 },
    y: { label: 'videos', grid: true },
    color: { ...COLORS, legend: false },
    marks: [
      Plot.barY(videos, Plot.groupX({ y: 'count' }, { x: 'categoryId', fill: 'split', order: [...DEMO_SPLITS] })),
      // A group of two bars is narrower than its name: every other name goes to a second line.
      ...[0, 1].map((line) =>
        Plot.text(
          groups.filter((_id, index) => index % 2 === line),
          { ...GROUP_LABEL, dy: 16 + 18 * line, x: (id: string) => id, text: (id: string) => categories[id].group.zh },
        ),
      ),
      Plot.ruleY([0]),
    ],
  });
}

/** The most frequent tags with their counts. */
export function tagChart(tags: readonly TagCount[]): string {
  return render({
    width: 1040,
    height: 290,
    marginBottom: 70,
    x: { label: null, domain: tags.map(({ tag }) => tag), tickRotate: -45, tickSize: 0 },
    y: { label: 'items', grid: true },
    marks: [Plot.barY(tags, { x: 'tag', y: 'count', fill: '#3563c9', rx: 2 }), Plot.ruleY([0])],
  });
}

/** SVG text; Plot draws into a document of linkedom, as there is no browser. */
function render(options: Plot.PlotOptions): string {
  const { document } = parseHTML('<html></html>');
  const plot = Plot.plot({ ...options, style: { ...FONT, fontSize: '13px', background: 'none' }, document });
  return plot.outerHTML;
}
