import type { Embeddings } from '@wbdc/ensemble-svd';
import { cosine } from '@wbdc/metrics';

/** A video and those most like it. */
export interface Nearest {
  readonly id: string;
  readonly near: readonly { readonly id: string; readonly cosine: number }[];
}

/** So many videos, evenly over all, each with its nearest others by cosine. */
export function nearestVideos(rows: Embeddings, videos = 10, count = 5): Nearest[] {
  const all = rows.ids.length;
  const vector = (row: number) => rows.values.subarray(row * rows.width, (row + 1) * rows.width);
  const chosen = Array.from({ length: Math.min(videos, all) }, (_, i) =>
    Math.floor(((i + 0.5) * all) / Math.min(videos, all)),
  );
  return chosen.map((row) => {
    const all = rows.ids.map((id, other) => ({ id, cosine: cosine(vector(row), vector(other)) }));
    const others = all.filter((_, other) => other !== row);
    return { id: rows.ids[row], near: others.sort((a, b) => b.cosine - a.cosine).slice(0, count) };
  });
}
