import { WbdcError } from '@wbdc/io/errors';
import { pairCounter, type PairCounter } from './pair-counter.js';
import { wordSplitter, type NormalizeOptions } from './normalize.js';
import { SPECIAL_TOKENS } from './vocabulary.js';

export interface TrainVocabularyOptions extends NormalizeOptions {
  /** Most tokens, the five special ones and single characters included. */
  size: number;
  /** Characters and pairs that occur less often than this are left out. 1 or more. */
  minFrequency: number;
}

/** A word longer than this is `[UNK]` whatever the vocabulary holds. */
const MAX_WORD = 100;

/**
 * Trains a WordPiece vocabulary: special tokens, then characters (most frequent first, inside words with `##`), then
 * pieces in the order they were merged.
 *
 * Merges follow Hugging Face's WordPieceTrainer, which is byte-pair encoding with the `##` prefix (Sennrich et al.
 * 2016, arXiv 1508.07909): always the most frequent pair. The other rule in use, count(ab) / (count(a) count(b)),
 * prefers the rarest pairs there are, so that on dirty text the vocabulary fills with noise. For Chinese it makes no
 * difference: an ideograph is a word of its own; merges concern Latin, digits, kana and emoji.
 *
 * Same texts, in whatever order, same vocabulary: of pairs equally frequent the one first in string order is merged.
 * Every character that occurs `minFrequency` times or more is kept, also as a beginning if it was only seen inside
 * words.
 *
 * @throws when `size` does not hold these characters
 */
export function trainVocabulary(texts: Iterable<string>, options: TrainVocabularyOptions): string[] {
  const trainer = vocabularyTrainer(options);
  for (const text of texts) trainer.add(text);
  return trainer.train();
}

/** Texts of any number, one after another: only words and their counts are kept. */
export interface VocabularyTrainer {
  add(text: string): void;
  /** The vocabulary of all texts so far, see {@link trainVocabulary}. */
  train(): string[];
}

/** {@link trainVocabulary} for texts that come from a file, say, and need not be in memory together. */
export function vocabularyTrainer(options: TrainVocabularyOptions): VocabularyTrainer {
  checkPositive('size', options.size);
  checkPositive('minFrequency', options.minFrequency);
  const split = wordSplitter(options);
  const words = new Map<string, number>(); // in the order of the texts
  return {
    add: (text) => {
      for (const word of split(text)) words.set(word, (words.get(word) ?? 0) + 1);
    },
    train: () => trainOn(words, options),
  };
}

function trainOn(words: ReadonlyMap<string, number>, options: TrainVocabularyOptions): string[] {
  const alphabet = countAlphabet(words, options.minFrequency);
  const vocab = [...SPECIAL_TOKENS, ...alphabet];
  if (vocab.length > options.size) {
    throw new WbdcError(
      `trainVocabulary: size: expected at least ${vocab.length} (${SPECIAL_TOKENS.length} special tokens and ` +
        `${alphabet.length} characters that occur ${options.minFrequency} times or more), got ${options.size}. ` +
        'Raise size or minFrequency.',
    );
  }
  const pieces = splitWords(words, new Set(alphabet));
  mergePairs(pairCounter(pieces), vocab, options);
  return vocab;
}

/**
 * Single characters, and `##` forms of those that were seen inside words: most frequent first, then in string order.
 */
function countAlphabet(words: ReadonlyMap<string, number>, minFrequency: number): string[] {
  const all = new Map<string, number>();
  const inside = new Map<string, number>();
  for (const [word, count] of words) {
    [...word].forEach((char, i) => {
      all.set(char, (all.get(char) ?? 0) + count);
      if (i > 0) inside.set(char, (inside.get(char) ?? 0) + count);
    });
  }
  const kept = [...all].filter(([, count]) => count >= minFrequency);
  const continuing = [...inside].filter(([char]) => all.get(char)! >= minFrequency);
  const entries = [...kept, ...continuing.map(([char, count]) => [`##${char}`, count] as const)];
  return entries.sort((a, b) => b[1] - a[1] || compareTokens(a[0], b[0])).map(([token]) => token);
}

/** Words as lists of pieces; a word with a character outside the alphabet is `[UNK]` and teaches nothing. */
function splitWords(words: ReadonlyMap<string, number>, alphabet: ReadonlySet<string>) {
  const result: { pieces: string[]; count: number }[] = [];
  for (const [word, count] of words) {
    const pieces = [...word].map((char, i) => (i === 0 ? char : `##${char}`));
    const useful = pieces.length > 1 && pieces.length <= MAX_WORD;
    if (useful && pieces.every((piece) => alphabet.has(piece))) result.push({ pieces, count });
  }
  return result;
}

/** Merges until the vocabulary is full or no pair is frequent enough. */
function mergePairs(counter: PairCounter, vocab: string[], { size, minFrequency }: TrainVocabularyOptions): void {
  const known = new Set(vocab);
  while (vocab.length < size) {
    const best = counter.mostFrequent();
    if (best === undefined || best.count < minFrequency) return;
    const merged = best.left + best.right.slice(2);
    counter.merge(best.left, best.right, merged);
    if (!known.has(merged)) vocab.push(merged); // two pairs may give one piece: a+bc and ab+c
    known.add(merged);
  }
}

function checkPositive(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new WbdcError(`trainVocabulary: ${name}: expected a whole number of at least 1, got ${value}.`);
}

/** Order by UTF-16 units: the same in every locale. */
function compareTokens(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
