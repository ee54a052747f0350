import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { bert, foldIn, ints, newBert, newTable, type Bert, type BertConfig, type Key } from '@wbdc/nn';
import type { ClipTextOutput, ClipTexts } from './clip-text.js';

/** Sizes of Chinese-CLIP's text tower (Yang et al., arXiv 2211.01335): a Chinese RoBERTa, and a projection. */
export interface ChineseClipTextConfig extends BertConfig {
  /** E: width of the projection into the space shared with pictures. */
  readonly projection: number;
}

/** The text tower of `OFA-Sys/chinese-clip-vit-base-patch16`, and of `...-large-patch14` with a projection of 768. */
export const CHINESE_CLIP_TEXT_BASE: ChineseClipTextConfig = {
  vocabSize: 21128,
  hiddenSize: 768,
  layers: 12,
  heads: 12,
  intermediateSize: 3072,
  maxPositions: 512,
  segments: 2,
  dropout: 0.1,
  projection: 512,
};

export interface ChineseClipTextParams {
  readonly bert: Bert;
  /** `[D, E]`, without a bias. */
  readonly projection: Tensor2D;
}

export interface ChineseClipText {
  readonly config: ChineseClipTextConfig;
  /** Fresh parameters, as trainable variables. */
  init(key: Key): ChineseClipTextParams;
  /** Token rows to states; a pure function of its arguments. With a key, as in training, some are dropped. */
  forward(params: ChineseClipTextParams, texts: ClipTexts, dropout?: Key): ClipTextOutput;
}

/** The text tower of Chinese-CLIP: a BERT, whose first state stands for the text. */
export function chineseClipText(config: ChineseClipTextConfig): ChineseClipText {
  const { hiddenSize, heads, projection } = config;
  if (hiddenSize % heads !== 0) {
    throw new RangeError(`expected a number of heads that divides width ${hiddenSize}, got ${heads}`);
  }
  return {
    config,
    init: (key) => ({
      bert: newBert(foldIn(key, 'bert'), config),
      projection: newTable(foldIn(key, 'projection'), [hiddenSize, projection], hiddenSize ** -0.5),
    }),
    forward: (params, texts, dropout) => tf.tidy(() => forward(config, params, texts, dropout)),
  };
}

function forward(
  config: ChineseClipTextConfig,
  params: ChineseClipTextParams,
  texts: ClipTexts,
  dropout?: Key,
): ClipTextOutput {
  const [count] = texts.tokens.shape;
  const { hiddenSize: width } = config;
  const hidden = bert(params.bert, { ...texts, segments: ints(texts.tokens.shape) }, config, dropout); // [B, L, D]
  const first: Tensor3D = tf.slice(hidden, [0, 0, 0], [count, 1, width]); // [B, 1, D]
  const pooled: Tensor2D = tf.reshape(first, [count, width]); // [B, D]
  return { hidden, pooled, projected: tf.matMul(pooled, params.projection) };
}
