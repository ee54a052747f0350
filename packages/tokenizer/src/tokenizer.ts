import { WbdcError } from '@wbdc/io/errors';
import { addedTokenSplitter, type Section } from './added-tokens.js';
import { BertEngine, type Engine } from './engine.js';
import { LONG_TEXT, normalizer, normalizerJson, prepare, shortenWords, type NormalizeOptions } from './normalize.js';
import { buildTokenizerJson, specialAddedTokens, type BertTokenizerSpec } from './tokenizer-json.js';
import { readTokenizerFiles, type TokenizerFiles } from './tokenizer-files.js';
import {
  formatVocabText,
  indexVocab,
  SPECIAL_TOKENS,
  specialField,
  specialIds,
  type SpecialIds,
} from './vocabulary.js';

/** The files that {@link Tokenizer.toFiles} gives: all that a checkpoint keeps of a tokenizer. */
export const TOKENIZER_FILES = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'] as const;

export type TokenizerFile = (typeof TOKENIZER_FILES)[number];

export interface DecodeOptions {
  /** Leave `[CLS]`, `[SEP]`, `[PAD]`... out. Default false, as in transformers. */
  skipSpecialTokens?: boolean;
}

/**
 * BERT's WordPiece tokenizer: text -> ids, the same as transformers' `BertTokenizer` gives. A word is cut greedily into
 * the longest pieces the vocabulary has (Devlin et al. 2018, arXiv 1810.04805); pieces inside a word begin with `##`.
 * A special token written out in the text, such as `[SEP]`, becomes that token's id, as in transformers.
 */
export class Tokenizer {
  /** Token of every id. */
  readonly vocab: readonly string[];
  readonly special: SpecialIds;
  /** Where the files it was read from contradict each other, and which of them was followed. */
  readonly warnings: readonly string[];
  readonly #spec: BertTokenizerSpec;
  readonly #split: (text: string) => Section[];
  /** Knows no added tokens: the text is cut at them before. */
  readonly #encoder: Engine;
  #decoder: Engine | undefined;

  private constructor(spec: BertTokenizerSpec, where: string, warnings: readonly string[] = []) {
    this.warnings = warnings;
    const ids = indexVocab(spec.vocab, where);
    this.special = specialIds(ids, where);
    const extra = spec.addedTokens.filter(({ content }) => !isSpecial(content));
    this.#spec = { ...spec, addedTokens: [...specialAddedTokens(ids), ...extra] };
    this.vocab = spec.vocab;
    this.#split = addedTokenSplitter(this.#spec.addedTokens, normalizer(spec.normalizer));
    this.#encoder = new BertEngine(buildTokenizerJson({ ...this.#spec, addedTokens: [] }), {});
  }

  /**
   * @param vocab tokens in the order of their ids, the five special tokens among them
   * @throws when a special token is missing or a token stands twice
   */
  static fromVocab(vocab: readonly string[], options: NormalizeOptions = {}): Tokenizer {
    return new Tokenizer({ vocab: [...vocab], normalizer: normalizerJson(options), addedTokens: [] }, 'vocabulary');
  }

  /**
   * @param files the texts of a tokenizer's folder by name, as transformers 5 reads them: tokenizer.json is preferred
   * to vocab.txt; where `tokenizer_class` (or config.json) says BERT, `do_lower_case`, `strip_accents` and
   * `tokenize_chinese_chars` of tokenizer_config.json or their defaults count instead of its normaliser, else that
   * counts ({@link Tokenizer.warnings} says so where they differ); tokens of `added_tokens_decoder`, of
   * added_tokens.json and of special_tokens_map.json are added
   * @param where names the folder in errors
   * @throws when neither is there, or it is not a BERT tokenizer
   */
  static fromFiles(files: TokenizerFiles, where = 'tokenizer'): Tokenizer {
    const { spec, warnings, source } = readTokenizerFiles(files, where);
    return new Tokenizer(spec, source, warnings);
  }

  /** V, the rows that a model's token embedding needs. */
  get vocabSize(): number {
    return this.vocab.length;
  }

  /** Ids of a text, with no special tokens around it. */
  encode(text: string): number[] {
    return this.#split(text).flatMap((section) =>
      typeof section === 'number' ? section : this.#encodeSection(section),
    );
  }

  #encodeSection(text: string): number[] {
    const { normalizer: settings } = this.#spec;
    const prepared = prepare(text, settings);
    const bounded = prepared.length > LONG_TEXT ? shortenWords(normalizer(settings)(text)) : prepared;
    return this.#encoder.encode(bounded, { add_special_tokens: false }).ids;
  }

  /**
   * Text of ids, words separated by spaces; BERT does not remember where spaces stood, so Chinese comes back spaced.
   *
   * @throws when an id is not in the vocabulary
   */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const list = Array.from(ids);
    const bad = list.findIndex((id) => this.vocab[id] === undefined);
    if (bad >= 0) {
      throw new WbdcError(
        `ids[${bad}]: expected an id from 0 to ${this.vocabSize - 1}, got ${list[bad]}. ` +
          'Decode with the tokenizer of the checkpoint that made the ids.',
      );
    }
    if (list.length === 0) return '';
    this.#decoder ??= new BertEngine(buildTokenizerJson(this.#spec), {});
    return this.#decoder.decode(list, {
      skip_special_tokens: options.skipSpecialTokens ?? false,
      clean_up_tokenization_spaces: false, // the decoder has done it, token by token as the Rust tokenizer does
    });
  }

  /** The contents of a tokenizer.json. */
  toJson(): object {
    return buildTokenizerJson(this.#spec);
  }

  /** The contents of {@link TOKENIZER_FILES}, from which transformers loads the tokenizer too. */
  toFiles(): Record<TokenizerFile, string> {
    const { clean_text, lowercase, strip_accents, handle_chinese_chars } = this.#spec.normalizer;
    const bert = {
      tokenizer_class: 'BertTokenizer',
      do_lower_case: lowercase,
      strip_accents,
      tokenize_chinese_chars: handle_chinese_chars,
    };
    // BERT's class always cleans; the general one does what tokenizer.json says.
    const config = clean_text ? bert : { tokenizer_class: 'PreTrainedTokenizerFast', ...SPECIAL_NAMES };
    return {
      'vocab.txt': formatVocabText(this.vocab),
      'tokenizer.json': `${JSON.stringify(this.toJson(), null, 2)}\n`,
      'tokenizer_config.json': `${JSON.stringify(config, null, 2)}\n`,
    };
  }
}

/** The special tokens as tokenizer_config.json names them: `unk_token` and so on. */
const SPECIAL_NAMES = Object.fromEntries(SPECIAL_TOKENS.map((token) => [specialField(token), token]));

function isSpecial(token: string): boolean {
  return /^\[(PAD|UNK|CLS|SEP|MASK)\]$/.test(token);
}
