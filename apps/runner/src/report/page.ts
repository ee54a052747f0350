import { formatNumber } from '../format.js';

/** Text as HTML. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export interface Card {
  readonly title: string;
  /** The latest value, at the right of the title. */
  readonly value?: string;
  readonly svg: string;
  readonly legend: readonly { readonly label: string; readonly style: string }[];
}

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly baseline?: number;
}

/** A table of its own; the first column names the row. */
export interface Table {
  readonly title: string;
  /** A line below the title. */
  readonly note?: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Page {
  readonly title: string;
  readonly subtitle: string;
  /** Numbers at the top: `[what, value]`. */
  readonly facts: readonly (readonly [string, string])[];
  readonly results: readonly Row[];
  readonly tables?: readonly Table[];
  /** Parts of another kind, as HTML, in their order. */
  readonly parts?: readonly string[];
  readonly sections: readonly { readonly title: string; readonly cards: readonly Card[] }[];
  readonly details: readonly { readonly title: string; readonly text: string }[];
}

/** A page that needs nothing but itself: no script, no font, no picture from elsewhere. */
export function renderPage(page: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(page.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escape(page.title)}</h1>
<p>${escape(page.subtitle)}</p>
<dl>${page.facts.map(([what, value]) => `<div><dt>${escape(what)}</dt><dd>${escape(value)}</dd></div>`).join('')}</dl>
</header>
<main>
${page.results.length > 0 ? resultsTable(page.results) : ''}
${(page.tables ?? []).map(renderTable).join('\n')}
${(page.parts ?? []).join('\n')}
${page.sections
  .filter(({ cards }) => cards.length > 0)
  .map(renderSection)
  .join('\n')}
${page.details.map(({ title, text }) => `<details><summary>${escape(title)}</summary><pre>${escape(text)}</pre></details>`).join('\n')}
</main>
</body>
</html>
`;
}

export function renderTable({ title, note, head, rows }: Table): string {
  const cells = (values: readonly string[]): string => values.map((value) => `<td>${escape(value)}</td>`).join('');
  const line = ([name, ...values]: readonly string[]): string => `<tr><th>${escape(name)}</th>${cells(values)}</tr>`;
  const below = note === undefined ? '' : `<p>${escape(note)}</p>`;
  return `<section><h2>${escape(title)}</h2>${below}<table><thead>${line(head)}</thead><tbody>${rows.map(line).join('')}</tbody></table></section>`;
}

export function renderSection({ title, cards }: Page['sections'][number]): string {
  return `<section><h2>${escape(title)}</h2><div class="grid">${cards.map(renderCard).join('')}</div></section>`;
}

export function renderCard({ title, value, svg, legend }: Card): string {
  const items = legend.map(({ label, style }) => `<li class="${style}">${escape(label)}</li>`).join('');
  const number = value === undefined ? '' : `<b>${escape(value)}</b>`;
  return `<figure><figcaption><span>${escape(title)}</span>${number}</figcaption>${svg}<ul>${items}</ul></figure>`;
}

function resultsTable(rows: readonly Row[]): string {
  const cells = rows.map(({ name, value, baseline }) => {
    const against = baseline === undefined ? '' : formatNumber(baseline);
    const times = baseline !== undefined && baseline > 0 ? `${formatNumber(value / baseline)} x` : '';
    return `<tr><th>${escape(name)}</th><td>${formatNumber(value)}</td><td>${against}</td><td>${times}</td></tr>`;
  });
  const head = '<tr><th>measure</th><td>value</td><td>trivial baseline</td><td>value / baseline</td></tr>';
  return `<section><h2>Held-out results</h2><table><thead>${head}</thead><tbody>${cells.join('')}</tbody></table></section>`;
}

const STYLE = `
:root { --page: #f6f7f9; --card: #fff; --line: #e1e5ea; --ink: #1a2129; --ink-soft: #5b6673; --main: #2463d6; --other: #c2570c;
  --series-1: #2463d6; --series-2: #c2570c; --series-3: #0b8457; --series-4: #8a3ffc; --series-5: #b8860b; --series-6: #c2255c; }
@media (prefers-color-scheme: dark) {
  :root { --page: #11151a; --card: #1a2027; --line: #2c353f; --ink: #e8edf2; --ink-soft: #9aa7b4; --main: #6ea2ff; --other: #f2a154; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem) 3rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
header, main { max-width: 1180px; margin: 0 auto; }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25; }
h2 { margin: 2.2rem 0 0.8rem; font-size: 1.1rem; }
section > p { margin: -0.4rem 0 0.8rem; color: var(--ink-soft); max-width: 80ch; }
header p { margin: 0.3rem 0 0; color: var(--ink-soft); }
dl { display: flex; flex-wrap: wrap; gap: 0.6rem 2.2rem; margin: 1.2rem 0 0; }
dt { color: var(--ink-soft); font-size: 0.8rem; }
dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: 1rem; }
figure { margin: 0; padding: 0.9rem 1rem 0.7rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; font-weight: 600; }
figcaption b { font-variant-numeric: tabular-nums; white-space: nowrap; }
figure svg { display: block; width: 100%; height: auto; }
figure ul { display: flex; flex-wrap: wrap; gap: 0 0.9rem; margin: 0.2rem 0 0; padding: 0; list-style: none; font-size: 0.8rem; color: var(--ink-soft); }
figure li::before { content: ""; display: inline-block; width: 1.1em; margin-right: 0.45em; vertical-align: 0.25em; border-top: 2px solid var(--main); }
figure li.faint::before { opacity: 0.35; }
figure li.other::before, figure li.dots::before { border-color: var(--other); }
figure li.series-1::before { border-color: var(--series-1); } figure li.series-2::before { border-color: var(--series-2); }
figure li.series-3::before { border-color: var(--series-3); } figure li.series-4::before { border-color: var(--series-4); }
figure li.series-5::before { border-color: var(--series-5); } figure li.series-6::before { border-color: var(--series-6); }
figure li.baseline::before { border-top: 2px dashed var(--ink-soft); }
table { border-collapse: collapse; background: var(--card); border: 1px solid var(--line); border-radius: 10px; border-spacing: 0; overflow: hidden; }
th, td { padding: 0.45rem 1.1rem; text-align: right; font-variant-numeric: tabular-nums; }
tbody td { white-space: nowrap; }
th { text-align: left; font-weight: 500; }
thead { color: var(--ink-soft); font-size: 0.85rem; }
tbody tr { border-top: 1px solid var(--line); }
tbody td:nth-child(2) { font-weight: 650; }
details { margin-top: 1.2rem; }
summary { cursor: pointer; font-weight: 600; }
pre { padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; font-size: 0.82rem; line-height: 1.45; }
`;
