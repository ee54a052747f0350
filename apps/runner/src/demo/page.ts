import { categoryChart, splitChart, tagChart } from './charts.js';
import type { CategoryName } from './items.js';
import type { DemoPlan } from './plan.js';
import type { Sample } from './samples.js';
import { DEMO_SPLITS } from './splits.js';
import type { DemoSummary } from './summary.js';
import type { TagCount } from '@wbdc/data';

/** What the page shows. */
export interface PageContent {
  readonly summary: DemoSummary;
  readonly plan: DemoPlan;
  readonly tags: readonly TagCount[];
  readonly categories: Readonly<Record<string, CategoryName>>;
  readonly samples: readonly Sample[];
}

/** `index.html` of the data set: counts, sample videos, and how categories and tags are spread. Needs no other file. */
export function demoPage(content: PageContent): string {
  const { summary, samples } = content;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo data set: emoji as short videos</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>Emoji as short videos</h1>
<p>The demo data set in the official WBDC layout. Each video is one emoji: its frames are the drawings of several vendors,
its texts and tags were written by the Unicode CLDR and emojibase projects in several varieties of Chinese.</p>
</header>
<section class="tiles">${tiles(summary)}</section>
<section>
<h2>Splits</h2>
<p>Items that are drawn alike (skin tones, genders, directions) never stand in two splits. Skin variants are unlabelled only.</p>
<div class="split">
${splitTable(summary)}
<figure>${splitChart(summary)}</figure>
</div>
</section>
<section>
<h2>${samples.length} of ${count(summary.videos)} videos</h2>
<div class="cards">${samples.map((sample) => card(sample, content.categories)).join('\n')}</div>
</section>
<section>
<h2>Categories</h2>
<p>${summary.categories} categories on level 2, in ${groupCount(content)} groups on level 1: videos of each, with a long tail.</p>
<figure>${categoryChart(content.plan, content.categories)}</figure>
</section>
<section>
<h2>Tags</h2>
<p>The 40 most frequent of ${count(summary.tags)} tags in tag_list.txt, by the number of training items that carry them.</p>
<figure>${tagChart(content.tags.slice(0, 40))}</figure>
</section>
<footer>${footer(summary)}</footer>
</main>
</body>
</html>
`;
}

function tiles({ videos, frames, categories, tags, imageSize, imageBytes }: DemoSummary): string {
  const values: [string, string][] = [
    [count(videos), 'videos'],
    [count(frames), 'frames'],
    [count(categories), 'categories'],
    [count(tags), 'tags'],
    [`${imageSize} px`, 'frame side'],
    [`${(imageBytes / 2 ** 20).toFixed(1)} MiB`, 'pictures'],
  ];
  return values.map(([value, name]) => `<div class="tile"><b>${value}</b><span>${name}</span></div>`).join('');
}

function splitTable({ splits }: DemoSummary): string {
  const rows = DEMO_SPLITS.map((split) => {
    const { items, videos, frames, categories } = splits[split];
    const cells = [items, videos, frames, categories].map((value) => `<td>${count(value)}</td>`).join('');
    return `<tr><th>${split}</th>${cells}</tr>`;
  });
  const head = ['split', 'items', 'videos', 'frames', 'categories'].map((name) => `<th>${name}</th>`).join('');
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function card({ split, video, frames }: Sample, categories: PageContent['categories']): string {
  const { group, subgroup } = categories[video.categoryId];
  const pictures = frames.map(
    ({ vendor, dataUrl }) => `<span><img src="${dataUrl}" alt=""><small>${vendor}</small></span>`,
  );
  const seen = video.ocr.map(({ time, text }) => `<i>${time} s</i> ${escapeHtml(text)}`).join('<br>');
  return `<article lang="zh">
<div class="frames">${pictures.join('')}</div>
<h3>${escapeHtml(video.title)}</h3>
<div class="category">${video.categoryId} ${escapeHtml(`${group.zh} / ${subgroup.zh}`)} <em>${escapeHtml(`${group.en} / ${subgroup.en}`)}</em></div>
<dl><dt>ocr</dt><dd>${seen || '-'}</dd><dt>asr</dt><dd>${escapeHtml(video.asr) || '-'}</dd></dl>
<div class="tags">${video.tags.map((tag) => `<span>${escapeHtml(tag)}</span>`).join('')}</div>
<div class="id">${split} · ${video.id}</div>
</article>`;
}

function groupCount({ categories }: PageContent): number {
  return new Set(Object.keys(categories).map((id) => id.slice(0, 2))).size;
}

function footer({ sources, seed }: DemoSummary): string {
  const packages = Object.entries(sources).map(([name, version]) => `${name} ${version}`);
  return `Seed ${seed}. From ${packages.join(', ')}. The licences of texts and art stand in LICENSES.md: Fluent MIT, Twemoji CC-BY 4.0, OpenMoji CC-BY-SA 4.0.`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

const STYLE = `
:root { --ink: #1d2430; --soft: #66707f; --line: #e3e7ed; --back: #f5f6f8; --accent: #3563c9; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.55 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px; }
h1 { font-size: 30px; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 0 0 12px; }
header p, section > p { color: var(--soft); margin: 0 0 16px; max-width: 75ch; }
section { margin-top: 40px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin-top: 24px; }
.tile, article, figure, table { background: #fff; border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 14px 16px; }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 13px; }
.split { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 16px; align-items: stretch; }
table { width: 100%; border-spacing: 0; padding: 8px 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 8px; text-align: right; font-weight: 400; border-top: 1px solid var(--line); }
thead th { color: var(--soft); font-size: 13px; border: 0; }
th:first-child { text-align: left; font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(460px, 100%), 1fr)); gap: 16px; }
article { padding: 16px; display: flex; flex-direction: column; }
.frames { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; margin-bottom: 12px; }
.frames span { text-align: center; }
.frames img { width: 100%; max-width: 96px; aspect-ratio: 1; display: block; margin: 0 auto 4px; }
.frames small { display: block; color: var(--soft); font-size: 11px; line-height: 1.3; }
h3 { font-size: 18px; margin: 0; }
.category { color: var(--accent); font-size: 13px; }
.category em { color: var(--soft); font-style: normal; }
dl { display: grid; grid-template-columns: 34px 1fr; gap: 6px 8px; margin: 10px 0; font-size: 14px; }
dt, dl i { color: var(--soft); font-size: 12.5px; font-style: normal; }
dd { margin: 0; }
.tags { display: flex; flex-wrap: wrap; gap: 6px; margin: auto 0 10px; }
.tags span { background: #eaf0fc; color: #27479a; border-radius: 99px; padding: 1px 10px; font-size: 13px; }
.id { color: var(--soft); font: 12px ui-monospace, Menlo, monospace; border-top: 1px solid var(--line); padding-top: 8px; }
figure { margin: 0; padding: 16px; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
footer { color: var(--soft); font-size: 13px; margin-top: 40px; }
`;
