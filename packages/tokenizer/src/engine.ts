import * as tokenizers from '@huggingface/tokenizers';

/** The `normalizer` entry of a tokenizer.json. */
export interface NormalizerJson {
  type: 'BertNormalizer';
  clean_text: boolean;
  handle_chinese_chars: boolean;
  strip_accents: boolean | null;
  lowercase: boolean;
}

/** What we use of `@huggingface/tokenizers`. */
export interface Engine {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

/** Byte pairs, most frequent first, merged in words whose bytes are written as characters. */
export interface BytePairModel {
  encode(words: readonly string[]): string[];
}

interface BytePairSettings {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly string[])[];
  readonly unk_token: string;
  readonly end_of_word_suffix: string;
}

interface EngineModule {
  BPE: new (settings: BytePairSettings) => BytePairModel;
  ByteLevelPreTokenizer: new (settings: { add_prefix_space: boolean; use_regex: boolean }) => {
    pre_tokenize_text(text: string): string[];
  };
  Tokenizer: new (tokenizerJson: object, config: object) => Engine;
  BertNormalizer: new (json: NormalizerJson) => { normalize(text: string): string };
  BertPreTokenizer: new () => { pre_tokenize_text(text: string): string[] };
}

/**
 * Its typings (0.2.0) import without file extensions, so under `nodenext` they resolve to nothing: typed here instead.
 */
export const {
  Tokenizer: BertEngine,
  BertNormalizer,
  BertPreTokenizer,
  BPE: BytePairs,
  ByteLevelPreTokenizer: ByteLevel,
} = tokenizers as unknown as EngineModule;
