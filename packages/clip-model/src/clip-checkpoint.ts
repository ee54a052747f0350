import { layersShapes, normKeys, normShapes, type KeyMap, type ParamShapes } from '@wbdc/checkpoints';
import { parseTowerConfig, towerLayerKeys, towerNames, type ClipTower } from './clip-tower.js';
import type { ClipVisionConfig } from './clip-vision.js';

export interface ClipVisionKeyMapOptions {
  /** Path of the tower in our tree with a dot behind it, such as `vision.`; empty where it is the tree. */
  readonly path?: string;
}

/** Hugging Face's names of a CLIP vision tower, from a whole CLIP or from a CLIPVisionModel. */
export function clipVisionKeyMap(config: ClipVisionConfig, { path = '' }: ClipVisionKeyMapOptions = {}): KeyMap {
  const { patchSize, width, layers, projection } = config;
  const names = towerNames('vision');
  return {
    entries: [
      {
        path: `${path}patch`,
        names: names('embeddings.patch_embedding.weight'),
        // A convolution's kernel there, the matrix of a patch's values (channel, y, x) here.
        permute: [1, 2, 3, 0],
        shape: [width, 3, patchSize, patchSize],
      },
      { path: `${path}classToken`, names: names('embeddings.class_embedding') },
      { path: `${path}position`, names: names('embeddings.position_embedding.weight') },
      ...normKeys(`${path}preNorm`, names('pre_layrnorm')), // the letter is missing in the published names too
      ...towerLayerKeys(path, layers, names),
      ...normKeys(`${path}postNorm`, names('post_layernorm')),
      ...(projection ? [{ path: `${path}projection`, names: [PROJECTION], permute: [1, 0] } as const] : []),
    ],
    unused: [
      { pattern: '{text_model,text_projection}.**', reason: 'the text tower' },
      { pattern: 'logit_scale', reason: 'the temperature of the two towers' },
      { pattern: '{vision_model.,}embeddings.position_ids', reason: 'constants, not weights' },
      ...(projection ? [] : [{ pattern: PROJECTION, reason: 'the configuration has no projection' }]),
    ],
  };
}

const PROJECTION = 'visual_projection.weight';

/** The defaults are those of `openai/clip-vit-base-patch32`. */
export const VISION_TOWER: ClipTower<ClipVisionConfig> = {
  kind: 'vision',
  sizes: {
    hidden_size: 768,
    intermediate_size: 3072,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    image_size: 224,
    patch_size: 32,
    projection_dim: 512,
  },
  fixed: { num_channels: 3, layer_norm_eps: 1e-5 },
  projection: PROJECTION,
  fromFields: (size) => ({
    imageSize: size('image_size'),
    patchSize: size('patch_size'),
    width: size('hidden_size'),
    layers: size('num_hidden_layers'),
    heads: size('num_attention_heads'),
    intermediateSize: size('intermediate_size'),
  }),
  toFields: (config) => ({
    hidden_size: config.width,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    image_size: config.imageSize,
    patch_size: config.patchSize,
  }),
  keyMap: clipVisionKeyMap,
  shapes: clipVisionShapes,
};

/**
 * Sizes of the vision tower in Hugging Face's `config.json`, of a whole CLIP (its `vision_config`) or of a tower alone.
 * `projection` is its width where the weights have one: pass whether they do.
 */
export function parseClipVisionConfig(json: unknown, hasProjection: boolean, where = 'config.json'): ClipVisionConfig {
  return parseTowerConfig(VISION_TOWER, json, hasProjection, where);
}

/** Paths and shapes of a tower's parameters, those of `clipVision(config).init` and in its order. */
export function clipVisionShapes(config: ClipVisionConfig): ParamShapes {
  const { width, patchSize, imageSize, intermediateSize, projection } = config;
  return new Map<string, readonly number[]>([
    ['patch', [3 * patchSize ** 2, width]],
    ['classToken', [width]],
    ['position', [(imageSize / patchSize) ** 2 + 1, width]],
    ...normShapes('preNorm', width),
    ...layersShapes('layers', config.layers, width, intermediateSize),
    ...normShapes('postNorm', width),
    ...(projection ? ([['projection', [width, projection]]] as const) : []),
  ]);
}
