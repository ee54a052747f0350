import { characterOverlap, cosine, dot, tfidf, tfidfCosine, type TfidfVector } from '@wbdc/metrics';
import { mostFrequent } from './judging.js';

/** What is known of a video without any model. */
export interface PlainVideo {
  readonly title: string;
  /** Title, OCR and ASR. */
  readonly texts: string;
  /** Mean of its frame features `[Dv]`; nothing where it has no frames. */
  readonly frames?: ArrayLike<number> | undefined;
}

const FIELDS = [
  ['titles', ({ title }: PlainVideo) => title],
  ['all texts', ({ texts }: PlainVideo) => texts],
] as const;

/**
 * What pairs of videos score without a model: the share of characters they have in common, the cosine of their TF-IDF
 * (fitted on these videos), each of titles and of all texts, and the cosine of their mean frame features. A model that
 * does not beat them has learned nothing that letters or pictures do not tell.
 *
 * @param pairs of ids in `videos`
 * @returns by name a score per pair; a baseline is missing where nothing is known for it, or all pairs score the same,
 *   with which nothing correlates
 */
export function pairBaselines(
  videos: ReadonlyMap<string, PlainVideo>,
  pairs: readonly { readonly id1: string; readonly id2: string }[],
): Record<string, Float64Array> {
  const scores: Record<string, Float64Array> = {};
  const add = (name: string, values: Float64Array): void => {
    if (values.some((value) => value !== values[0])) scores[name] = values;
  };
  const each = (score: (left: string, right: string) => number): Float64Array =>
    Float64Array.from(pairs, ({ id1, id2 }) => score(id1, id2));
  for (const [name, textOf] of FIELDS) {
    const texts = new Map([...videos].map(([id, video]) => [id, textOf(video)]));
    if ([...texts.values()].every((text) => text === '')) continue;
    const read = tfidf(texts.values());
    add(
      `characters in common, ${name}`,
      each((a, b) => characterOverlap(texts.get(a)!, texts.get(b)!)),
    );
    add(
      `TF-IDF, ${name}`,
      each((a, b) => tfidfCosine(read(texts.get(a)!), read(texts.get(b)!))),
    );
  }
  if ([...videos.values()].some(({ frames }) => frames !== undefined)) {
    const alike = (a: string, b: string): number => {
      const [left, right] = [videos.get(a)!.frames, videos.get(b)!.frames];
      const value = left && right ? cosine(left, right) : 0;
      return Number.isNaN(value) ? 0 : value;
    };
    add('frame features', each(alike));
  }
  return scores;
}

/** A video whose category is known. */
export interface PlainLabelled extends PlainVideo {
  readonly category: string;
}

/**
 * Which categories videos get without a model: the most frequent one, and that of the labelled video whose TF-IDF (of
 * titles, of all texts) or mean frame features are nearest. Of equally near ones, the first; where nothing is shared,
 * the most frequent category.
 *
 * @param train videos with their categories; `asked` those to tell
 * @returns by name a category per video
 */
export function categoryBaselines(
  train: readonly PlainLabelled[],
  asked: readonly PlainVideo[],
): Record<string, string[]> {
  const majority = mostFrequent(train.map(({ category }) => category));
  const predicted: Record<string, string[]> = { 'the most frequent category': asked.map(() => majority) };
  const categoryOf = (row: number): string => (row < 0 ? majority : train[row].category);
  for (const [name, textOf] of FIELDS) {
    if (train.every((video) => textOf(video) === '')) continue;
    predicted[`nearest by TF-IDF, ${name}`] = nearestTexts(train.map(textOf), asked.map(textOf)).map(categoryOf);
  }
  if (train.some(({ frames }) => frames !== undefined)) {
    predicted['nearest by frame features'] = nearestFrames(train, asked).map(categoryOf);
  }
  return predicted;
}

/** Rows of the nearest texts by an index from terms to the texts that hold them; -1 where no term is shared. */
function nearestTexts(train: readonly string[], asked: readonly string[]): number[] {
  const read = tfidf(train);
  const holders = new Map<string, { readonly rows: number[]; readonly weights: number[] }>();
  train.forEach((text, row) => {
    for (const [term, weight] of read(text)) {
      const held = holders.get(term) ?? { rows: [], weights: [] };
      held.rows.push(row);
      held.weights.push(weight);
      holders.set(term, held);
    }
  });
  const sums = new Float64Array(train.length);
  return asked.map((text) => {
    sums.fill(0);
    const vector: TfidfVector = read(text);
    for (const [term, weight] of vector) {
      const { rows, weights } = holders.get(term)!;
      for (let i = 0; i < rows.length; i++) sums[rows[i]] += weight * weights[i];
    }
    return largest(sums);
  });
}

/** Labelled videos whose frames are compared; of more, as many evenly over the list. */
const MOST_FRAMES = 4000;

/** Rows of the nearest mean features by their cosines; -1 of a video without frames. */
function nearestFrames(train: readonly PlainVideo[], asked: readonly PlainVideo[]): number[] {
  const stride = Math.max(1, train.length / MOST_FRAMES);
  const rows = train.map(({ frames }, i) => (Math.floor(i % stride) === 0 ? unit(frames) : undefined));
  const sums = new Float64Array(train.length);
  return asked.map(({ frames }) => {
    const own = unit(frames);
    if (own === undefined) return -1;
    rows.forEach((row, i) => (sums[i] = row === undefined ? 0 : Math.max(0, dot(own, row))));
    return largest(sums);
  });
}

function unit(frames: ArrayLike<number> | undefined): Float64Array | undefined {
  if (frames === undefined) return undefined;
  const values = Float64Array.from(frames);
  const length = Math.sqrt(dot(values, values));
  return length > 0 && Number.isFinite(length) ? values.map((value) => value / length) : undefined;
}

/** Where the largest stands; -1 where none is above 0. */
function largest(values: Float64Array): number {
  let best = -1;
  for (let i = 0; i < values.length; i++) if (values[i] > (best < 0 ? 0 : values[best])) best = i;
  return best;
}
