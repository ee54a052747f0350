import * as tf from '@tensorflow/tfjs';
import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import {
  embedWords,
  foldIn,
  layerNorm,
  newLayer,
  newNorm,
  newTable,
  transformer,
  type GeluForm,
  type Ints,
  type Key,
  type Layer,
  type Norm,
} from '@wbdc/nn';
import { CLIP_EPSILON, clipLayerConfig } from './clip-vision.js';

/** Sizes of a CLIP text transformer (Radford et al., arXiv 2103.00020). */
export interface ClipTextConfig {
  /** V */
  readonly vocabSize: number;
  /** Most tokens of a text. */
  readonly maxPositions: number;
  /** D */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  /** The token that ends a text, whose state stands for all of it. */
  readonly endToken: number;
  /** OpenAI's weights need `quick` (the default), OpenCLIP's LAION weights `erf`. */
  readonly activation?: GeluForm;
  /** E: width of the projection into the space shared with pictures; none by default. */
  readonly projection?: number;
}

/** The text tower of `openai/clip-vit-base-patch32`. */
export const CLIP_TEXT_B32: ClipTextConfig = {
  vocabSize: 49408,
  maxPositions: 77,
  width: 512,
  layers: 12,
  heads: 8,
  intermediateSize: 2048,
  endToken: 49407,
  activation: 'quick',
  projection: 512,
};

export interface ClipTextParams {
  /** `[V, D]` */
  readonly word: Tensor2D;
  /** `[maxPositions, D]` */
  readonly position: Tensor2D;
  readonly layers: readonly Layer[];
  readonly finalNorm: Norm;
  /** `[D, E]`, without a bias. */
  readonly projection?: Tensor2D;
}

/** Token rows of CLIP's own tokenizer, each with its end token; padding stands behind it. */
export interface ClipTexts {
  /** `[B, L]` */
  readonly tokens: Ints;
  /** 1 for a token, 0 for padding `[B, L]`. */
  readonly textMask: Ints;
}

/** A type alias and not an interface, so that tfjs takes it for a container of tensors. */
export type ClipTextOutput = {
  /** The last layer's states after the final normalisation, Hugging Face's `last_hidden_state`: `[B, L, D]`. */
  readonly hidden: Tensor3D;
  /** The state of the first end token, Hugging Face's `pooler_output`: `[B, D]`. */
  readonly pooled: Tensor2D;
  /** `text_embeds` before any scaling to unit length: `[B, E]`, where the configuration has a projection. */
  readonly projected?: Tensor2D;
};

export interface ClipText {
  readonly config: ClipTextConfig;
  /** Fresh parameters, as trainable variables. */
  init(key: Key): ClipTextParams;
  /** Token rows to states; a pure function of its arguments. */
  forward(params: ClipTextParams, texts: ClipTexts): ClipTextOutput;
}

/** The text tower of CLIP: each token sees those before it, layers normalised before each block. */
export function clipText(config: ClipTextConfig): ClipText {
  const { width, heads } = config;
  if (width % heads !== 0) throw new RangeError(`expected a number of heads that divides width ${width}, got ${heads}`);
  return {
    config,
    init: (key) => initialize(config, key),
    forward: (params, texts) => tf.tidy(() => forward(config, params, texts)),
  };
}

/** As OpenAI's code: words at deviation 0.02, positions at 0.01, projection at `D^-0.5`. */
function initialize(config: ClipTextConfig, key: Key): ClipTextParams {
  const { width, vocabSize, maxPositions, projection } = config;
  return {
    word: newTable(foldIn(key, 'word'), [vocabSize, width]),
    position: newTable(foldIn(key, 'position'), [maxPositions, width], 0.01),
    layers: Array.from({ length: config.layers }, (_, i) =>
      newLayer(foldIn(foldIn(key, 'layers'), i), width, config.intermediateSize),
    ),
    finalNorm: newNorm(width),
    ...(projection && { projection: newTable(foldIn(key, 'projection'), [width, projection], width ** -0.5) }),
  };
}

function forward(config: ClipTextConfig, params: ClipTextParams, { tokens, textMask }: ClipTexts): ClipTextOutput {
  const [count, length] = tokens.shape;
  const { width, maxPositions } = config;
  if (length > maxPositions) throw new RangeError(`expected at most ${maxPositions} tokens, got ${length}`);
  const positions = tf.slice(params.position, [0, 0], [length, width]); // [L, D]
  const x: Tensor3D = tf.add(embedWords(params.word, tokens), positions); // [B, L, D]
  const state = transformer(params.layers, x, causalBias(textMask), clipLayerConfig(config)); // [B, L, D]
  const hidden = layerNorm(state, params.finalNorm, CLIP_EPSILON); // [B, L, D]
  const rows: Tensor2D = tf.reshape(hidden, [count * length, width]);
  const pooled: Tensor2D = tf.gather(rows, tf.tensor1d(endRows(tokens, config), 'int32')); // [B, D]
  return { hidden, pooled, ...(params.projection && { projected: tf.matMul(pooled, params.projection) }) };
}

/** Hides what comes later and what is padding: `[B, 1, L, L]`. */
function causalBias({ data, shape: [count, length] }: Ints): Tensor4D {
  const bias = new Float32Array(count * length * length).fill(-1e9);
  for (let row = 0; row < count; row++) {
    for (let query = 0; query < length; query++) {
      for (let seen = 0; seen <= query; seen++) {
        if (data[row * length + seen] === 1) bias[(row * length + query) * length + seen] = 0;
      }
    }
  }
  return tf.tensor4d(bias, [count, 1, length, length]);
}

/** Where the first end token of every row stands: flat indices into `[B, L]`. */
function endRows({ data, shape: [count, length] }: Ints, { endToken }: ClipTextConfig): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => {
    const at = data.subarray(row * length, (row + 1) * length).indexOf(endToken);
    if (at < 0) throw new RangeError(`expected the end token ${endToken} in every text, got none in row ${row}`);
    return row * length + at;
  });
}
