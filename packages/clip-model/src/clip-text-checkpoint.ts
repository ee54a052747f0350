import { layersShapes, normKeys, normShapes, type KeyMap, type ParamShapes } from '@wbdc/checkpoints';
import type { ClipTextConfig } from './clip-text.js';
import { parseTowerConfig, towerLayerKeys, towerNames, type ClipTower } from './clip-tower.js';

const PROJECTION = 'text_projection.weight';

/** Hugging Face's names of a CLIP text tower, from a whole CLIP or from a CLIPTextModel. */
export function clipTextKeyMap({ layers, projection }: ClipTextConfig, { path = '' }: { path?: string } = {}): KeyMap {
  const names = towerNames('text');
  return {
    entries: [
      { path: `${path}word`, names: names('embeddings.token_embedding.weight') },
      { path: `${path}position`, names: names('embeddings.position_embedding.weight') },
      ...towerLayerKeys(path, layers, names),
      ...normKeys(`${path}finalNorm`, names('final_layer_norm')),
      ...(projection ? [{ path: `${path}projection`, names: [PROJECTION], permute: [1, 0] } as const] : []),
    ],
    unused: [
      { pattern: '{vision_model,visual_projection}.**', reason: 'the vision tower' },
      { pattern: 'logit_scale', reason: 'the temperature of the two towers' },
      { pattern: '{text_model.,}embeddings.position_ids', reason: 'constants, not weights' },
      ...(projection ? [] : [{ pattern: PROJECTION, reason: 'the configuration has no projection' }]),
    ],
  };
}

/**
 * What published configurations say instead of their end token: transformers then takes the largest token of a row,
 * which is the last of the vocabulary.
 */
const LEGACY_END = 2;

/** The defaults are those of `openai/clip-vit-base-patch32`. */
export const TEXT_TOWER: ClipTower<ClipTextConfig> = {
  kind: 'text',
  sizes: {
    vocab_size: 49408,
    hidden_size: 512,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    num_attention_heads: 8,
    max_position_embeddings: 77,
    eos_token_id: 49407,
    projection_dim: 512,
  },
  fixed: { layer_norm_eps: 1e-5 },
  projection: PROJECTION,
  fromFields: (size) => ({
    vocabSize: size('vocab_size'),
    maxPositions: size('max_position_embeddings'),
    width: size('hidden_size'),
    layers: size('num_hidden_layers'),
    heads: size('num_attention_heads'),
    intermediateSize: size('intermediate_size'),
    endToken: size('eos_token_id') === LEGACY_END ? size('vocab_size') - 1 : size('eos_token_id'),
  }),
  toFields: (config) => ({
    vocab_size: config.vocabSize,
    hidden_size: config.width,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    max_position_embeddings: config.maxPositions,
    eos_token_id: config.endToken,
  }),
  keyMap: clipTextKeyMap,
  shapes: clipTextShapes,
};

/** Sizes of the text tower in Hugging Face's `config.json`, of a whole CLIP (its `text_config`) or of a tower alone. */
export function parseClipTextConfig(json: unknown, hasProjection: boolean, where = 'config.json'): ClipTextConfig {
  return parseTowerConfig(TEXT_TOWER, json, hasProjection, where);
}

/** Paths and shapes of a tower's parameters, those of `clipText(config).init` and in its order. */
export function clipTextShapes(config: ClipTextConfig): ParamShapes {
  const { width, vocabSize, maxPositions, intermediateSize, projection } = config;
  return new Map<string, readonly number[]>([
    ['word', [vocabSize, width]],
    ['position', [maxPositions, width]],
    ...layersShapes('layers', config.layers, width, intermediateSize),
    ...normShapes('finalNorm', width),
    ...(projection ? ([['projection', [width, projection]]] as const) : []),
  ]);
}
