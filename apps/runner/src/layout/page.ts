import { escape } from '../report/page.js';

/** A video as the page shows it. */
export interface SampleCard {
  readonly frames: readonly { readonly label: string; readonly dataUrl: string }[];
  readonly title: string;
  readonly category: string;
  /** The category's name in another language. */
  readonly categoryNote?: string;
  readonly ocr: readonly { readonly time: number; readonly text: string }[];
  readonly asr: string;
  readonly tags: readonly string[];
  /** Split and id. */
  readonly about: string;
}

/** A heading, a sentence and a picture in SVG. */
export interface ChartSection {
  readonly title: string;
  readonly about: string;
  readonly svg: string;
}

/** What the page of a data set shows. Texts are escaped here. */
export interface DataPage {
  readonly title: string;
  readonly about: string;
  /** Numbers at the top: value and what it counts. */
  readonly tiles: readonly (readonly [value: string, name: string])[];
  readonly splits: {
    readonly about: string;
    readonly head: readonly string[];
    readonly rows: readonly (readonly string[])[];
    readonly svg: string;
  };
  readonly warnings?: readonly string[];
  /** All videos, of which the samples are some. */
  readonly videos: number;
  readonly samples: readonly SampleCard[];
  readonly charts: readonly ChartSection[];
  readonly footer: string;
}

export function jpegDataUrl(bytes: Uint8Array): string {
  return `data:image/jpeg;base64,${Buffer.from(bytes).toString('base64')}`;
}

/** `index.html` of a data set. Needs no other file. */
export function renderDataPage(page: DataPage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(page.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escape(page.title)}</h1>
<p>${escape(page.about)}</p>
</header>
<section class="tiles">${page.tiles.map(tile).join('')}</section>
${warningList(page.warnings ?? [])}
<section>
<h2>Splits</h2>
<p>${escape(page.splits.about)}</p>
<div class="split">
${table(page.splits)}
<figure>${page.splits.svg}</figure>
</div>
</section>
<section>
<h2>${page.samples.length} of ${page.videos.toLocaleString('en-US')} videos</h2>
<div class="cards">${page.samples.map(card).join('\n')}</div>
</section>
${page.charts.map(chartSection).join('\n')}
<footer>${escape(page.footer)}</footer>
</main>
</body>
</html>
`;
}

function tile([value, name]: DataPage['tiles'][number]): string {
  return `<div class="tile"><b>${escape(value)}</b><span>${escape(name)}</span></div>`;
}

function warningList(warnings: readonly string[]): string {
  if (warnings.length === 0) return '';
  const lines = warnings.map((warning) => `<li>${escape(warning)}</li>`);
  return `<section><h2>Warnings</h2><ul class="warnings">${lines.join('')}</ul></section>`;
}

function table({ head, rows }: DataPage['splits']): string {
  const line = ([name, ...values]: readonly string[]): string =>
    `<tr><th>${escape(name)}</th>${values.map((value) => `<td>${escape(value)}</td>`).join('')}</tr>`;
  const names = head.map((name) => `<th>${escape(name)}</th>`).join('');
  return `<table><thead><tr>${names}</tr></thead><tbody>${rows.map(line).join('')}</tbody></table>`;
}

function chartSection({ title, about, svg }: ChartSection): string {
  return `<section>
<h2>${escape(title)}</h2>
<p>${escape(about)}</p>
<figure>${svg}</figure>
</section>`;
}

function card({ frames, title, category, categoryNote, ocr, asr, tags, about }: SampleCard): string {
  const pictures = frames.map(
    ({ label, dataUrl }) => `<span><img src="${dataUrl}" alt=""><small>${escape(label)}</small></span>`,
  );
  const seen = ocr.map(({ time, text }) => `<i>${time} s</i> ${escape(text)}`).join('<br>');
  const note = categoryNote === undefined ? '' : ` <em>${escape(categoryNote)}</em>`;
  return `<article lang="zh">
<div class="frames">${pictures.join('')}</div>
<h3>${escape(title) || '-'}</h3>
<div class="category">${escape(category)}${note}</div>
<dl><dt>ocr</dt><dd>${seen || '-'}</dd><dt>asr</dt><dd>${escape(asr) || '-'}</dd></dl>
<div class="tags">${tags.map((tag) => `<span>${escape(tag)}</span>`).join('')}</div>
<div class="id">${escape(about)}</div>
</article>`;
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
.frames img { width: 100%; max-width: 96px; aspect-ratio: 1; object-fit: contain; display: block; margin: 0 auto 4px; }
.frames small { display: block; color: var(--soft); font-size: 11px; line-height: 1.3; }
h3 { font-size: 18px; margin: 0; overflow-wrap: anywhere; }
.category { color: var(--accent); font-size: 13px; }
.category em { color: var(--soft); font-style: normal; }
dl { display: grid; grid-template-columns: 34px 1fr; gap: 6px 8px; margin: 10px 0; font-size: 14px; }
dt, dl i { color: var(--soft); font-size: 12.5px; font-style: normal; }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.tags { display: flex; flex-wrap: wrap; gap: 6px; margin: auto 0 10px; }
.tags span { background: #eaf0fc; color: #27479a; border-radius: 99px; padding: 1px 10px; font-size: 13px; }
ul.warnings { margin: 0; padding: 14px 16px 14px 34px; background: #fff; border: 1px solid #f0d9b8; border-radius: 10px; }
ul.warnings li { margin: 2px 0; overflow-wrap: anywhere; }
.id { color: var(--soft); font: 12px ui-monospace, Menlo, monospace; border-top: 1px solid var(--line); padding-top: 8px; }
figure { margin: 0; padding: 16px; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.row { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 8px 16px; }
footer { color: var(--soft); font-size: 13px; margin-top: 40px; }
`;
