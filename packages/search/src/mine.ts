import { SearchError } from './errors.js';
import type { VideoIndex } from './video-index.js';

/** Videos that belong together: a click, a label. */
export interface MinedPair {
  readonly left: string;
  readonly right: string;
}

/** Videos that look like the left one of a pair, and do not belong to it. */
export interface HardNegatives extends MinedPair {
  /** The most similar first. */
  readonly negatives: readonly string[];
}

export interface MineOptions {
  /** Whose vectors are compared, as the index calls them. */
  readonly model: string;
  /** Negatives of each pair; 4. */
  readonly count?: number;
  /** The most similar ones are passed over, for they may be right answers that nobody has clicked; 0. */
  readonly skip?: number;
  /** How much less similar than its right answer a negative has to be, as a share of that cosine; 0.05. */
  readonly relativeMargin?: number;
  /** Neighbours that are looked at; 50. */
  readonly candidates?: number;
  /** Which videos may be negatives: those to learn from, say. All by default. */
  readonly among?: (id: string) => boolean;
  readonly signal?: AbortSignal;
}

/**
 * Hard negatives out of an index: the neighbours of a pair's left video without its partners in any pair, and less
 * similar than its right one by a margin (sentence-transformers' `mine_hard_negatives`). A pair whose videos the index
 * lacks gives none.
 *
 * @throws SearchError `model-missing`, `query` where the settings make no sense
 */
export async function* mineHardNegatives(
  index: VideoIndex,
  pairs: readonly MinedPair[],
  { model, count = 4, skip = 0, relativeMargin = 0.05, candidates = 50, among, signal }: MineOptions,
): AsyncGenerator<HardNegatives> {
  if (!(count >= 1 && skip >= 0 && relativeMargin >= 0 && relativeMargin < 1 && candidates >= count + skip)) {
    const got = `${count}, ${skip}, ${relativeMargin} and ${candidates}`;
    const expected = 'count from 1, skip from 0, a margin in [0, 1) and candidates for both';
    throw new SearchError({ expected, got, code: 'query' });
  }
  const partners = new Map<string, Set<string>>();
  for (const { left, right } of pairs) {
    for (const [one, other] of [
      [left, right],
      [right, left],
    ] as const) {
      partners.set(one, (partners.get(one) ?? new Set([one])).add(other));
    }
  }
  for (const pair of pairs) {
    signal?.throwIfAborted();
    const [own, answer] = [await index.vector(pair.left, model), await index.vector(pair.right, model)];
    if (own === undefined || answer === undefined) {
      yield { ...pair, negatives: [] };
      continue;
    }
    const reached = cosine(own.values, answer.values);
    const most = reached - relativeMargin * Math.abs(reached); // below it of a negative one too
    const filter = { exceptIds: [...partners.get(pair.left)!] };
    const hits = await index.search({ vectors: [own], filter, limit: candidates });
    const allowed = among === undefined ? hits : hits.filter(({ video }) => among(video.id));
    const wrong = allowed.slice(skip).filter(({ ranks }) => ranks[model].score <= most);
    yield { ...pair, negatives: wrong.slice(0, count).map(({ video }) => video.id) };
  }
}

/** Of unit vectors. */
function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
