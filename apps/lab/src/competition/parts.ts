import { markup, section, type Html } from '@wbdc/report';
import type { Nearest } from './neighbours.js';
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
`;
