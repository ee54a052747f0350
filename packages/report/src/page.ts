import { markup, rawHtml, type Html } from './markup.js';
import { STYLE } from './style.js';

/** A number or a word at the top of a page, and what it says. */
export type Fact = readonly [name: string, value: string];

export interface Page {
  readonly title: string;
  /** A sentence or two below the title. */
  readonly lead: string;
  readonly facts?: readonly Fact[];
  readonly body: readonly Html[];
  readonly footer?: string;
  /** CSS of what only this page has. */
  readonly style?: string;
}

/** The text of a page that stands alone: no script, no font, no picture from elsewhere. It follows light and dark. */
export function renderPage({ title, lead, facts = [], body, footer, style = '' }: Page): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${rawHtml(STYLE + style)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>${lead}</p>
${facts.length === 0 ? undefined : factList(facts)}
</header>
<main>
${body.map((part) => markup`${part}\n`)}</main>
${footer === undefined ? undefined : markup`<footer>${footer}</footer>\n`}</body>
</html>
`.text;
}

function factList(facts: readonly Fact[]): Html {
  const items = facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return markup`<dl class="facts">${items}</dl>`;
}
