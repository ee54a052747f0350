import type { Embeddings } from '@wbdc/ensemble-svd';

/** A video and those most like it. */
export interface Nearest {
  readonly id: string;
  readonly near: readonly { readonly id: string; readonly cosine: number }[];
}

/** So many videos, evenly over all, each with its nearest others by cosine. */
export function nearestVideos(rows: Embeddings, videos = 10, count = 5): Nearest[] {
  const all = rows.ids.length;
  const chosen = Array.from({ length: Math.min(videos, all) }, (_, i) =>
    Math.floor(((i + 0.5) * all) / Math.min(videos, all)),
  );
  return chosen.map((row) => {
    const others = rows.ids.flatMap((id, other) => (other === row ? [] : [{ id, cosine: cosine(rows, row, other) }]));
    return { id: rows.ids[row], near: others.sort((a, b) => b.cosine - a.cosine).slice(0, count) };
  });
}

/** Of two rows. */
function cosine({ values, width }: Embeddings, a: number, b: number): number {
  let [both, left, right] = [0, 0, 0];
  for (let k = 0; k < width; k++) {
    const [x, y] = [values[a * width + k], values[b * width + k]];
    both += x * y;
    left += x * x;
    right += y * y;
  }
  return both / Math.sqrt(left * right);
}
