import type { LabelledPair } from '@wbdc/data';
import { foldIn, permutation, randomKey } from '@wbdc/nn';
import { joinKey } from './sources.js';
import type { Sources } from './sources.js';

/** What the similarity label of an item is made of: English words, which no model of the demo ever reads. */
export interface Description {
  readonly id: string;
  readonly categoryId: string;
  readonly words: ReadonlySet<string>;
}

/** English words by join key: CLDR's, or emojibase's where CLDR has no entry. */
export function englishWords(sources: Sources): Map<string, ReadonlySet<string>> {
  return new Map(
    sources.en.records.map(({ hexcode, label, tags = [] }) => {
      const key = joinKey(hexcode);
      const phrases = sources.words.en.get(key) ?? [label, ...tags];
      return [key, new Set(phrases.flatMap((phrase) => phrase.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []))];
    }),
  );
}

export type Similarity = (a: Description, b: Description) => number;

/** Shares of the three parts of a label. */
const PARTS = { words: 0.6, subgroup: 0.3, group: 0.1 };

/**
 * A graded similarity of two items in [0, 1], quantised to 0.05 like the official labels, hence with many ties:
 * 0.6 cos(words) + 0.3 [same subgroup] + 0.1 [same group], where the cosine weighs a word by its inverse document
 * frequency ln(n / df) among `all`. Weak labels, but independent of what the model reads.
 */
export function gradedSimilarity(all: readonly Description[]): Similarity {
  const frequency = new Map<string, number>();
  for (const { words } of all) for (const word of words) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const weights = new Map(Array.from(frequency, ([word, count]) => [word, Math.log(all.length / count) ** 2]));
  const squares = (words: Iterable<string>): number => {
    let sum = 0;
    for (const word of words) sum += weights.get(word) ?? 0;
    return sum;
  };
  return (a, b) => {
    const common = [...a.words].filter((word) => b.words.has(word));
    const norms = Math.sqrt(squares(a.words) * squares(b.words));
    const cosine = norms > 0 ? squares(common) / norms : 0;
    const subgroup = Number(a.categoryId === b.categoryId);
    const group = Number(a.categoryId.slice(0, 2) === b.categoryId.slice(0, 2));
    return quantise(PARTS.words * cosine + PARTS.subgroup * subgroup + PARTS.group * group);
  };
}

/** Twentieths, written without the noise of binary fractions. */
function quantise(score: number): number {
  return Math.round(score * 20) / 20;
}

export interface PairOptions {
  readonly seed: number;
  /** Pairs per item with its most similar others; as many are drawn at random. */
  readonly neighbours: number;
}

/**
 * Labelled pairs among `items`: each with its most similar others and with as many random ones. Random pairs alone
 * would nearly all score 0; the official pairs were chosen to be comparable too. No pair occurs twice, in either order.
 */
export function labelPairs(
  items: readonly Description[],
  similarity: Similarity,
  options: PairOptions,
): LabelledPair[] {
  const key = foldIn(randomKey(options.seed), 'demo pairs');
  const pairs = new Map<string, LabelledPair>();
  items.forEach((item, index) => {
    const order = permutation(foldIn(key, index), items.length).filter((other) => other !== index);
    const scored = Array.from(order, (other) => ({ other: items[other], score: similarity(item, items[other]) }));
    const random = scored.slice(0, options.neighbours);
    const nearest = scored.sort((a, b) => b.score - a.score).slice(0, options.neighbours);
    for (const { other, score } of [...nearest, ...random]) {
      const [id1, id2] = item.id < other.id ? [item.id, other.id] : [other.id, item.id];
      pairs.set(`${id1} ${id2}`, { id1, id2, score });
    }
  });
  return [...pairs.values()];
}
