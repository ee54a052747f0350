import { section, type Heading } from './components.js';
import { markup, type Html } from './markup.js';

export interface ConfusionOptions extends Heading {
  readonly confusion: { readonly labels: readonly string[]; readonly counts: readonly (readonly number[])[] };
  /** What a label is called. */
  readonly nameOf?: (label: string) => string;
}

/** A confusion as a table: truth in rows, predictions in columns; the darker, the larger the share of the row. */
export function confusionSection({ confusion: { labels, counts }, nameOf, ...heading }: ConfusionOptions): Html {
  const named = (label: string): string => (nameOf === undefined ? label : `${label} ${nameOf(label)}`);
  const head = labels.map((label) => markup`<th title="${named(label)}">${label}</th>`);
  const rows = labels.map((label, i) => {
    const total = counts[i].reduce((sum, count) => sum + count, 0);
    const cells = counts[i].map((count) => {
      const share = total === 0 ? 0 : Math.round((70 * count) / total);
      const style = `background: color-mix(in srgb, var(--main) ${share}%, transparent)`;
      return markup`<td style="${style}">${count === 0 ? undefined : count}</td>`;
    });
    return markup`<tr><th>${named(label)}</th>${cells}<td>${total}</td></tr>`;
  });
  return section(
    heading,
    markup`<table class="confusion"><thead><tr><th></th>${head}<td>all</td></tr></thead><tbody>${rows}</tbody></table>`,
  );
}
