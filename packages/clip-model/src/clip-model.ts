import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { foldIn, l2Normalize, parameter, type Context, type Key } from '@wbdc/nn';
import { chineseClipText, type ChineseClipTextConfig, type ChineseClipTextParams } from './chinese-clip-text.js';
import { clipText, type ClipTextConfig, type ClipTextParams, type ClipTexts } from './clip-text.js';
import { clipVision, type ClipVisionConfig, type ClipVisionParams } from './clip-vision.js';

/** The sizes of both towers; both have a projection, to the same width E. */
export type ClipModelConfig = { readonly vision: ClipVisionConfig } & (
  | { readonly kind: 'clip'; readonly text: ClipTextConfig }
  | { readonly kind: 'chinese-clip'; readonly text: ChineseClipTextConfig }
);

export interface ClipModelParams {
  readonly vision: ClipVisionParams;
  readonly text: ClipTextParams | ChineseClipTextParams;
  /** The logarithm of what cosines are multiplied with. */
  readonly logitScale: Scalar;
}

/** Both towers of a CLIP or a Chinese-CLIP: pictures and texts as unit vectors of one space. */
export interface ClipModel {
  readonly config: ClipModelConfig;
  /** Fresh parameters, as trainable variables. */
  init(key: Key): ClipModelParams;
  /** Normalised pixels `[N, 3, S, S]` to unit vectors `[N, E]`, transformers' `image_embeds`. */
  embedPictures(params: ClipModelParams, pixels: Tensor4D, context?: Pick<Context, 'recompute'>): Tensor2D;
  /** Token rows `[B, L]` to unit vectors `[B, E]`, transformers' `text_embeds`. */
  embedTexts(params: ClipModelParams, texts: ClipTexts, dropout?: Key): Tensor2D;
  /** Scaled cosines `[B, N]` of texts `[B, E]` and pictures `[N, E]`: `logits_per_text`. */
  logits(params: ClipModelParams, texts: Tensor2D, pictures: Tensor2D): Tensor2D;
}

/** As CLIP starts: 1 / 0.07. */
const INITIAL_LOGIT_SCALE = Math.log(1 / 0.07);

/**
 * A CLIP (Radford et al., arXiv 2103.00020) or a Chinese-CLIP (Yang et al., arXiv 2211.01335).
 *
 * @throws RangeError where the towers do not end in one space
 */
export function clipModel(config: ClipModelConfig): ClipModel {
  const vision = clipVision(config.vision);
  const width = config.vision.projection;
  if (width === undefined || width !== config.text.projection) {
    const got = `${width ?? 'none'} and ${config.text.projection ?? 'none'}`;
    throw new RangeError(`expected projections of both towers to one width, got ${got}`);
  }
  const text = textTower(config);
  return {
    config,
    init: (key) => ({
      vision: vision.init(foldIn(key, 'vision')),
      text: text.init(foldIn(key, 'text')),
      logitScale: parameter(new Float32Array([INITIAL_LOGIT_SCALE]), []) as tf.Tensor as Scalar,
    }),
    embedPictures: (params, pixels, context) =>
      tf.tidy(() => l2Normalize(vision.pool(params.vision, pixels, context).projected!)),
    embedTexts: (params, texts, dropout) => tf.tidy(() => l2Normalize(text.project(params.text, texts, dropout))),
    logits: (params, texts, pictures) =>
      tf.tidy(() => tf.mul(tf.matMul(texts, pictures, false, true), tf.exp(params.logitScale))),
  };
}

interface TextTower {
  readonly init: (key: Key) => ClipModelParams['text'];
  /** `[B, E]` */
  readonly project: (params: ClipModelParams['text'], texts: ClipTexts, dropout?: Key) => Tensor2D;
}

function textTower(config: ClipModelConfig): TextTower {
  if (config.kind === 'clip') {
    const tower = clipText(config.text);
    return { init: tower.init, project: (params, texts) => tower.forward(params as ClipTextParams, texts).projected! };
  }
  const tower = chineseClipText(config.text);
  return {
    init: tower.init,
    project: (params, texts, dropout) => tower.forward(params as ChineseClipTextParams, texts, dropout).projected!,
  };
}
