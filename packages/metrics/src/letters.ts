/**
 * How many of two texts' characters are shared: |A ∩ B| / |A ∪ B| of their sets (Jaccard), without spaces; 0 where both
 * are empty. What a model of texts has to beat: titles about the same thing share letters. Dice's coefficient ranks the
 * same.
 */
export function characterOverlap(left: string, right: string): number {
  const [a, b] = [charactersOf(left), charactersOf(right)];
  let shared = 0;
  for (const character of a) if (b.has(character)) shared++;
  const all = a.size + b.size - shared;
  return all === 0 ? 0 : shared / all;
}

/** {@link characterOverlap} of each text and each name `[N, T]`, row by row; a text is taken apart once. */
export function characterOverlaps(texts: readonly string[], names: readonly string[]): Float32Array {
  const sets = names.map(charactersOf);
  const overlaps = new Float32Array(texts.length * names.length);
  texts.forEach((text, row) => {
    const own = charactersOf(text);
    sets.forEach((name, k) => {
      let shared = 0;
      for (const character of name) if (own.has(character)) shared++;
      const all = own.size + name.size - shared;
      overlaps[row * names.length + k] = all === 0 ? 0 : shared / all;
    });
  });
  return overlaps;
}

function charactersOf(text: string): Set<string> {
  return new Set(text.toLowerCase().replace(/\s/gu, ''));
}

/** A text as terms with their weights, of length 1; nothing where it holds no term that is known. */
export type TfidfVector = ReadonlyMap<string, number>;

/**
 * TF-IDF of characters and pairs of them: scikit-learn's
 * `TfidfVectorizer(analyzer='char', ngram_range=(1, 2))`, with smoothed idf, fitted on a corpus.
 *
 * @returns from a text to its vector; terms that the corpus lacks do not count
 */
export function tfidf(corpus: Iterable<string>): (text: string) => TfidfVector {
  const documents = new Map<string, number>();
  let count = 0;
  for (const text of corpus) {
    count++;
    for (const term of termsOf(text).keys()) documents.set(term, (documents.get(term) ?? 0) + 1);
  }
  return (text) => {
    const weights = new Map<string, number>();
    let squares = 0;
    for (const [term, times] of termsOf(text)) {
      const known = documents.get(term);
      if (known === undefined) continue;
      const weight = times * (Math.log((1 + count) / (1 + known)) + 1);
      squares += weight * weight;
      weights.set(term, weight);
    }
    const length = Math.sqrt(squares);
    for (const [term, weight] of weights) weights.set(term, weight / length);
    return weights;
  };
}

/** Cosine of two vectors of {@link tfidf}; 0 where one is empty. */
export function tfidfCosine(left: TfidfVector, right: TfidfVector): number {
  const [few, many] = left.size <= right.size ? [left, right] : [right, left];
  let sum = 0;
  for (const [term, weight] of few) sum += weight * (many.get(term) ?? 0);
  return sum;
}

/** How often each character and each pair of neighbours occurs; runs of white space count as one space. */
function termsOf(text: string): Map<string, number> {
  const characters = Array.from(text.toLowerCase().replace(/\s\s+/gu, ' '));
  const terms = new Map<string, number>();
  const add = (term: string): unknown => terms.set(term, (terms.get(term) ?? 0) + 1);
  characters.forEach((character, i) => {
    add(character);
    if (i > 0) add(characters[i - 1] + character);
  });
  return terms;
}
