import { markup, section, type Html } from '@wbdc/report';
import type { Nearest } from './neighbours.js';
import type { WbdcResults } from './results.js';
import type { ShownVideo } from './videos.js';

/** Videos with their nearest others, as pictures. */
export function neighboursPart(neighbours: readonly Nearest[], videos: ReadonlyMap<string, ShownVideo>): Html {
  const rows = neighbours.map(({ id, near }) => {
    const others = near.map((one) => videoFigure(videos.get(one.id), one.cosine.toFixed(3)));
    return markup`<div class="near">${videoFigure(videos.get(id))}<div>${others}</div></div>`;
  });
  const note =
    'Held-out videos (left) and those of all held-out ones whose embeddings by the largest ensemble are nearest, ' +
    'with their cosines.';
  return section({ title: 'AIAC: nearest neighbours', note }, rows);
}

function videoFigure(video: ShownVideo | undefined, below?: string): Html {
  const frames = (video?.frames ?? []).map((url) => markup`<img src="${url}" alt="">`);
  const text = below === undefined ? undefined : markup`<i>${below}</i>`;
  return markup`<span class="video"><span>${frames}</span><b>${video?.title}</b>${text}</span>`;
}

/** Truth in rows, predictions in columns; the darker, the larger the share of the row. */
export function confusionPart({ labels, counts }: WbdcResults['confusion'], nameOf: (id: string) => string): Html {
  const head = labels.map((label) => markup`<th title="${nameOf(label)}">${label}</th>`);
  const rows = labels.map((label, i) => {
    const total = counts[i].reduce((sum, count) => sum + count, 0);
    const cells = counts[i].map((count) => {
      const share = total === 0 ? 0 : Math.round((70 * count) / total);
      const style = `background: color-mix(in srgb, var(--main) ${share}%, transparent)`;
      return markup`<td style="${style}">${count === 0 ? undefined : count}</td>`;
    });
    return markup`<tr><th>${label} ${nameOf(label)}</th>${cells}<td>${total}</td></tr>`;
  });
  return section(
    {
      title: 'WBDC: confusion of level 1',
      note: 'Of the ensemble: truth in rows, predictions in columns, held-out videos.',
    },
    markup`<table class="confusion"><thead><tr><th></th>${head}<td>all</td></tr></thead><tbody>${rows}</tbody></table>`,
  );
}

export const PARTS_STYLE = `
.wide { max-width: 820px; margin-top: 1rem; }
.near { display: flex; align-items: flex-start; gap: 1.6rem; padding: 0.7rem 1rem; margin-bottom: 0.6rem;
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow-x: auto; }
.near > div { display: flex; gap: 1.2rem; padding-left: 1.6rem; border-left: 1px solid var(--line); }
.video { display: flex; flex-direction: column; width: 148px; flex: none; font-size: 0.82rem; line-height: 1.35; }
.video > span { display: flex; gap: 2px; height: 48px; }
.video img { width: 48px; height: 48px; border-radius: 4px; }
.video b { font-weight: 500; margin-top: 0.3rem; }
.video i { font-style: normal; color: var(--ink-soft); font-variant-numeric: tabular-nums; }
.confusion th, .confusion td { padding: 0.3rem 0.6rem; text-align: center; }
.confusion tbody th { text-align: left; white-space: nowrap; }
.confusion td:nth-child(2) { font-weight: inherit; }
.confusion td:last-child { color: var(--ink-soft); font-weight: 400; border-left: 1px solid var(--line); }
`;
