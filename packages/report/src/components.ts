import type { CurveStyle } from './curves.js';
import { markup, type Content, type Html } from './markup.js';

/** The first column names the row. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Heading {
  readonly title: string;
  /** A sentence below the title. */
  readonly note?: string;
}

/** A section of its own. */
export interface TitledTable extends Table, Heading {}

/** A chart with its title and what its lines mean. */
export interface Card {
  readonly title: string;
  /** The latest value, at the right of the title. */
  readonly value?: string;
  readonly chart: Html;
  readonly legend: readonly { readonly label: string; readonly style: CurveStyle }[];
}

/** A part of a page under a heading. */
export function section({ title, note }: Heading, ...content: readonly Content[]): Html {
  const below = note === undefined ? undefined : markup`<p>${note}</p>`;
  return markup`<section><h2>${title}</h2>${below}${content}</section>`;
}

export function table({ head, rows }: Table): Html {
  const cells = (values: readonly string[]): Html[] => values.map((value) => markup`<td>${value}</td>`);
  const line = ([name, ...values]: readonly string[]): Html => markup`<tr><th>${name}</th>${cells(values)}</tr>`;
  return markup`<table><thead>${line(head)}</thead><tbody>${rows.map(line)}</tbody></table>`;
}

export function tableSection(content: TitledTable): Html {
  return section(content, table(content));
}

/** Cards side by side, as many as fit; nothing where there are none. */
export function cardSection(heading: Heading, cards: readonly Card[]): Html {
  return cards.length === 0 ? markup`` : section(heading, markup`<div class="grid">${cards.map(card)}</div>`);
}

export function card({ title, value, chart, legend }: Card): Html {
  const items = legend.map(({ label, style }) => markup`<li class="${style}">${label}</li>`);
  const latest = value === undefined ? undefined : markup`<b>${value}</b>`;
  const caption = markup`<figcaption><span>${title}</span>${latest}</figcaption>`;
  return markup`<figure class="card">${caption}${chart}<ul>${items}</ul></figure>`;
}

/** A picture, or several side by side, in a frame. */
export function figure(...pictures: readonly Html[]): Html {
  const content = pictures.length === 1 ? pictures : markup`<div class="row">${pictures}</div>`;
  return markup`<figure>${content}</figure>`;
}

/** Text that is shown when it is asked for. */
export function details(title: string, text: string): Html {
  return markup`<details><summary>${title}</summary><pre>${text}</pre></details>`;
}
