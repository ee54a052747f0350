export { Tokenizer, TOKENIZER_FILES } from './tokenizer.js';
export type { DecodeOptions, TokenizerFile } from './tokenizer.js';
export type { TokenizerFiles } from './tokenizer-files.js';
export { wordSplitter, type NormalizeOptions } from './normalize.js';
export { SPECIAL_TOKENS, type SpecialIds } from './vocabulary.js';
export { trainVocabulary, type TrainVocabularyOptions } from './train-vocabulary.js';
export { packText, packTokens, parseLayout, QQ_LAYOUT, WBDC_LAYOUT } from './pack.js';
export type { PackedText, TextEncoder, TextLayout } from './pack.js';
