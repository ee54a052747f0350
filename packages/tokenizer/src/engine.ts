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

interface EngineModule {
  Tokenizer: new (tokenizerJson: object, config: object) => Engine;
  BertNormalizer: new (json: NormalizerJson) => { normalize(text: string): string };
  BertPreTokenizer: new () => { pre_tokenize_text(text: string): string[] };
}

/**
 * Its typings (0.2.0) import without file extensions, so under `nodenext` they resolve to nothing: typed here instead.
 */
export const { Tokenizer: BertEngine, BertNormalizer, BertPreTokenizer } = tokenizers as unknown as EngineModule;
