import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import {
  foldIn,
  layerNorm,
  newLayer,
  newNorm,
  newTable,
  parameter,
  transformer,
  truncatedNormal,
  type Context,
  type GeluForm,
  type Key,
  type Layer,
  type LayerConfig,
  type Norm,
} from '@wbdc/nn';

/** Sizes of a CLIP vision transformer (Radford et al., arXiv 2103.00020). */
export interface ClipVisionConfig {
  /** S: side of the square input in pixels. */
  readonly imageSize: number;
  /** Side of a patch; divides the image size. */
  readonly patchSize: number;
  /** D */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly intermediateSize: number;
  /** OpenAI's weights need `quick` (the default), OpenCLIP's LAION weights `erf`. */
  readonly activation?: GeluForm;
  /** E: width of the projection into the space shared with text; none by default. */
  readonly projection?: number;
}

/** `openai/clip-vit-base-patch32`. */
export const CLIP_VIT_B32: ClipVisionConfig = {
  imageSize: 224,
  patchSize: 32,
  width: 768,
  layers: 12,
  heads: 12,
  intermediateSize: 3072,
  activation: 'quick',
  projection: 512,
};

/** P is the number of patches, `(imageSize / patchSize)^2`. */
export interface ClipVisionParams {
  /** Rows of a patch are ordered channel, y, x: `[3 * patchSize^2, D]`, without a bias. */
  readonly patch: Tensor2D;
  /** `[D]` */
  readonly classToken: Tensor1D;
  /** The class token's position first: `[P + 1, D]`. */
  readonly position: Tensor2D;
  readonly preNorm: Norm;
  readonly layers: readonly Layer[];
  readonly postNorm: Norm;
  /** `[D, E]`, without a bias. */
  readonly projection?: Tensor2D;
}

/** A type alias and not an interface, so that tfjs takes it for a container of tensors. */
export type ClipVisionOutput = {
  /** The last layer's states before any normalisation, the class token first: `[N, P + 1, D]`. */
  readonly hidden: Tensor3D;
  /** The class token after the final normalisation, Hugging Face's `pooler_output`: `[N, D]`. */
  readonly pooled: Tensor2D;
  /** `image_embeds` before any scaling to unit length: `[N, E]`, where the configuration has a projection. */
  readonly projected?: Tensor2D;
};

type Options = Pick<Context, 'recompute'>;

export interface ClipVision {
  readonly config: ClipVisionConfig;
  /** Fresh parameters, as trainable variables. */
  init(key: Key): ClipVisionParams;
  /**
   * Normalised pixels `[N, 3, S, S]` to states; a pure function of its arguments. With `recompute` the backward pass
   * computes each layer once more: training in less memory.
   */
  forward(params: ClipVisionParams, pixels: Tensor4D, context?: Options): ClipVisionOutput;
  /**
   * The same without the hidden states: the last layer computes the class token alone, 7 % less work in twelve layers.
   */
  pool(params: ClipVisionParams, pixels: Tensor4D, context?: Options): ClipVisionPooled;
}

export type ClipVisionPooled = Omit<ClipVisionOutput, 'hidden'>;

/** Of the normalisations in both towers. */
export const CLIP_EPSILON = 1e-5;

/** The layers of both towers. */
export function clipLayerConfig({
  heads,
  activation = 'quick',
}: Pick<ClipVisionConfig, 'heads' | 'activation'>): LayerConfig {
  return { heads, norm: 'pre', epsilon: CLIP_EPSILON, activation, dropout: 0 };
}

/** The vision tower of CLIP: patches, class token, learned positions, layers normalised before each block. */
export function clipVision(config: ClipVisionConfig): ClipVision {
  checkConfig(config);
  return {
    config,
    init: (key) => initialize(config, key),
    forward: (params, pixels, context = {}) => tf.tidy(() => forward(config, params, pixels, context)),
    pool: (params, pixels, context = {}) => tf.tidy(() => pool(config, params, pixels, context)),
  };
}

/** Patches along one side. */
function gridSize({ imageSize, patchSize }: ClipVisionConfig): number {
  return imageSize / patchSize;
}

function checkConfig(config: ClipVisionConfig): void {
  const { imageSize, patchSize, width, heads } = config;
  if (!Number.isInteger(gridSize(config)) || imageSize <= 0) {
    throw new RangeError(`expected a patchSize that divides imageSize ${imageSize}, got ${patchSize}`);
  }
  if (width % heads !== 0) throw new RangeError(`expected a number of heads that divides width ${width}, got ${heads}`);
}

/** Class token, positions and projection start at deviation `D^-0.5` (as OpenAI's code does), the weights at 0.02. */
function initialize(config: ClipVisionConfig, key: Key): ClipVisionParams {
  const { width, patchSize, projection } = config;
  const deviation = width ** -0.5;
  const positions = gridSize(config) ** 2 + 1;
  const classToken = truncatedNormal(foldIn(key, 'classToken'), width, deviation);
  return {
    patch: newTable(foldIn(key, 'patch'), [3 * patchSize ** 2, width]),
    classToken: parameter(classToken, [width]) as tf.Tensor as Tensor1D,
    position: newTable(foldIn(key, 'position'), [positions, width], deviation),
    preNorm: newNorm(width),
    layers: Array.from({ length: config.layers }, (_, i) =>
      newLayer(foldIn(foldIn(key, 'layers'), i), width, config.intermediateSize),
    ),
    postNorm: newNorm(width),
    ...(projection && { projection: newTable(foldIn(key, 'projection'), [width, projection], deviation) }),
  };
}

function forward(config: ClipVisionConfig, params: ClipVisionParams, pixels: Tensor4D, options: Options) {
  const { x, bias } = embed(config, params, pixels);
  const hidden = transformer(params.layers, x, bias, { ...clipLayerConfig(config), ...options }); // [N, P+1, D]
  return { hidden, ...poolClassToken(params, tf.slice(hidden, 0, [-1, 1, -1])) };
}

function pool(config: ClipVisionConfig, params: ClipVisionParams, pixels: Tensor4D, options: Options) {
  const { x, bias } = embed(config, params, pixels);
  const layer = { ...clipLayerConfig(config), ...options };
  const state = transformer(params.layers.slice(0, -1), x, bias, layer); // [N, P+1, D]
  const first = transformer(params.layers.slice(-1), state, bias, { ...layer, rows: 1 }); // [N, 1, D]
  return poolClassToken(params, first);
}

/** What the layers get: normalised patches `[N, P+1, D]`, and a bias that hides none of them. */
function embed(config: ClipVisionConfig, params: ClipVisionParams, pixels: Tensor4D) {
  const x = layerNorm(embedPatches(config, params, pixels), params.preNorm, CLIP_EPSILON);
  const bias: Tensor4D = tf.zeros([x.shape[0], 1, 1, x.shape[1]]);
  return { x, bias };
}

function poolClassToken({ postNorm, projection }: ClipVisionParams, first: Tensor3D): ClipVisionPooled {
  const [count, , width] = first.shape;
  const pooled: Tensor2D = layerNorm(tf.reshape(first, [count, width]), postNorm, CLIP_EPSILON); // [N, D]
  return { pooled, ...(projection && { projected: tf.matMul(pooled, projection) }) };
}

/** Patches as rows, one product instead of a convolution: its gradient is one product too. */
function embedPatches(config: ClipVisionConfig, params: ClipVisionParams, pixels: Tensor4D): Tensor3D {
  const { imageSize: size, patchSize: patch, width } = config;
  const [count, ...shape] = pixels.shape;
  if (shape.join() !== [3, size, size].join()) {
    throw new RangeError(`expected pixels [N, 3, ${size}, ${size}], got [${pixels.shape.join(', ')}]`);
  }
  const grid = gridSize(config);
  const split = tf.reshape(pixels, [count, 3, grid, patch, grid, patch]);
  const rows: Tensor2D = tf.reshape(tf.transpose(split, [0, 2, 4, 1, 3, 5]), [count * grid * grid, 3 * patch * patch]);
  const patches: Tensor3D = tf.reshape(tf.matMul(rows, params.patch), [count, grid * grid, width]); // [N, P, D]
  const classes: Tensor3D = tf.tile(tf.reshape(params.classToken, [1, 1, width]), [count, 1, 1]);
  return tf.add(tf.concat([classes, patches], 1), params.position); // [N, P+1, D]
}
