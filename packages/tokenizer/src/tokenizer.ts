import { BertEngine, type Engine } from './engine.js';
import { normalizerJson, prepare, type NormalizeOptions } from './normalize.js';
import { buildTokenizerJson, parseObject, parseTokenizerJson, specialAddedTokens } from './tokenizer-json.js';
import type { BertTokenizerSpec } from './tokenizer-json.js';
import { formatVocabText, indexVocab, parseVocabText, specialIds, type SpecialIds } from './vocabulary.js';

/** The files of a tokenizer's folder. */
export const TOKENIZER_FILES = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'] as const;

export type TokenizerFile = (typeof TOKENIZER_FILES)[number];

/** Texts of a tokenizer's folder, those that are there. */
export type TokenizerFiles = Readonly<Partial<Record<TokenizerFile, string | undefined>>>;

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
  readonly #spec: BertTokenizerSpec;
  readonly #engine: Engine;

  private constructor(spec: BertTokenizerSpec, where: string) {
    const ids = indexVocab(spec.vocab, where);
    this.special = specialIds(ids, where);
    const extra = spec.addedTokens.filter(({ content }) => !isSpecial(content));
    this.#spec = { ...spec, addedTokens: [...specialAddedTokens(ids), ...extra] };
    this.vocab = spec.vocab;
    this.#engine = new BertEngine(buildTokenizerJson(this.#spec), {});
  }

  /**
   * @param vocab tokens in the order of their ids, the five special tokens among them
   * @throws when a special token is missing or a token stands twice
   */
  static fromVocab(vocab: readonly string[], options: NormalizeOptions = {}): Tokenizer {
    return new Tokenizer({ vocab: [...vocab], normalizer: normalizerJson(options), addedTokens: [] }, 'vocabulary');
  }

  /**
   * @param files the texts of a tokenizer's folder by name: tokenizer.json is preferred to vocab.txt. Beside a vocab.txt,
   *   `do_lower_case`, `strip_accents` and `tokenize_chinese_chars` of tokenizer_config.json are honoured.
   * @param where names the folder in errors
   * @throws when neither is there, or it is not a BERT tokenizer
   */
  static fromFiles(files: TokenizerFiles, where = 'tokenizer'): Tokenizer {
    const { 'tokenizer.json': json, 'vocab.txt': vocab, 'tokenizer_config.json': config } = files;
    if (json !== undefined) return new Tokenizer(parseTokenizerJson(json, `${where}/tokenizer.json`), where);
    if (vocab === undefined) {
      throw new Error(
        `${where}: expected a tokenizer.json or a vocab.txt in this folder, got neither. ` +
          'Give the folder of a checkpoint or of a saved tokenizer.',
      );
    }
    const options = config === undefined ? {} : parseConfig(config, `${where}/tokenizer_config.json`);
    const spec = { vocab: parseVocabText(vocab), normalizer: normalizerJson(options), addedTokens: [] };
    return new Tokenizer(spec, `${where}/vocab.txt`);
  }

  /** V, the rows that a model's token embedding needs. */
  get vocabSize(): number {
    return this.vocab.length;
  }

  /** Ids of a text, with no special tokens around it. */
  encode(text: string): number[] {
    return this.#engine.encode(prepare(text, this.#spec.normalizer), { add_special_tokens: false }).ids;
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
      throw new Error(
        `ids[${bad}]: expected an id from 0 to ${this.vocabSize - 1}, got ${list[bad]}. ` +
          'Decode with the tokenizer of the checkpoint that made the ids.',
      );
    }
    if (list.length === 0) return '';
    return this.#engine.decode(list, {
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
    const { lowercase, strip_accents, handle_chinese_chars } = this.#spec.normalizer;
    const config = {
      tokenizer_class: 'BertTokenizer',
      do_lower_case: lowercase,
      strip_accents,
      tokenize_chinese_chars: handle_chinese_chars,
    };
    return {
      'vocab.txt': formatVocabText(this.vocab),
      'tokenizer.json': `${JSON.stringify(this.toJson(), null, 2)}\n`,
      'tokenizer_config.json': `${JSON.stringify(config, null, 2)}\n`,
    };
  }
}

function isSpecial(token: string): boolean {
  return /^\[(PAD|UNK|CLS|SEP|MASK)\]$/.test(token);
}

/** The settings of a tokenizer_config.json. */
function parseConfig(text: string, where: string): NormalizeOptions {
  const json = parseObject(text, where);
  const options: NormalizeOptions = {};
  const names = {
    lowerCase: 'do_lower_case',
    stripAccents: 'strip_accents',
    splitIdeographs: 'tokenize_chinese_chars',
  };
  for (const [option, name] of Object.entries(names) as [keyof NormalizeOptions, string][]) {
    const value = json[name];
    if (typeof value === 'boolean') options[option] = value;
  }
  return options;
}
