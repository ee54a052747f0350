import { BertNormalizer, BertPreTokenizer, type NormalizerJson } from './engine.js';

/** How text is cleaned before it is cut into words: the settings of BERT's tokenizer_config.json. */
export interface NormalizeOptions {
  /** `do_lower_case`. Default true, as every Chinese BERT. */
  lowerCase?: boolean;
  /** `strip_accents`. Default: as `lowerCase`. */
  stripAccents?: boolean;
  /** `tokenize_chinese_chars`: every ideograph is a word of its own. Default true. */
  splitIdeographs?: boolean;
}

export function normalizerJson(options: NormalizeOptions): NormalizerJson {
  return {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: options.splitIdeographs ?? true,
    strip_accents: options.stripAccents ?? null,
    lowercase: options.lowerCase ?? true,
  };
}

/**
 * Ideographs beyond 16 bits: CJK Extension B and later, and the supplement of compatibility ideographs. BERT's range is
 * U+2B820-U+2CEAF where the Rust tokenizer, and so transformers, begins at U+2B920; we keep to what transformers does.
 */
const RARE_IDEOGRAPH = /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/gu;

/**
 * What `@huggingface/tokenizers` 0.2.0 leaves undone, so that its tokens are those of the Rust tokenizer:
 * it looks at UTF-16 units, so it never splits ideographs beyond 16 bits; and `toLowerCase` turns a capital sigma at
 * the end of a word into another letter than elsewhere, where the Rust tokenizer lower-cases character by character.
 */
export function prepare(text: string, normalizer: NormalizerJson): string {
  const spaced = normalizer.handle_chinese_chars ? text.replace(RARE_IDEOGRAPH, ' $& ') : text;
  return normalizer.lowercase ? spaced.replaceAll('Σ', 'σ') : spaced;
}

/**
 * Regular expressions of V8 overflow their stack on a word of millions of characters; shorter texts hold no such word.
 */
export const LONG_TEXT = 100_000;
/** Ten times what WordPiece looks at: a longer word is `[UNK]` whatever it is. */
const LONGEST_RUN = 1000;
/** Where BERT's pre-tokeniser begins a new word: blanks and punctuation. */
const BOUNDARY = /[\s\p{P}\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u007E]/u;

/** Normalised text in which words are cut off after {@link LONGEST_RUN} characters; only where it is very long. */
export function shortenWords(text: string): string {
  if (text.length <= LONG_TEXT) return text;
  const kept: string[] = [];
  let run = 0;
  for (const character of text) {
    run = BOUNDARY.test(character) ? 0 : run + 1;
    if (run <= LONGEST_RUN) kept.push(character);
  }
  return kept.join('');
}

/** A function that normalises text as the Rust tokenizer does. */
export function normalizer(json: NormalizerJson): (text: string) => string {
  const engine = new BertNormalizer(json);
  return (text) => engine.normalize(prepare(text, json));
}

/** A function that cuts text into BERT's words: what WordPiece then looks up, and what a vocabulary is trained on. */
export function wordSplitter(options: NormalizeOptions = {}): (text: string) => string[] {
  const normalize = normalizer(normalizerJson(options));
  const preTokenizer = new BertPreTokenizer();
  return (text) => preTokenizer.pre_tokenize_text(shortenWords(normalize(text)));
}
