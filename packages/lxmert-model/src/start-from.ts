import { join } from 'node:path';
import {
  ANY_OTHER,
  assertSameSizes,
  joinKeyMaps,
  linearKeys,
  loadWeights,
  normKeys,
  prefixed,
  type KeyEntry,
  type TensorNames,
  type WeightReport,
} from '@wbdc/checkpoints';
import { usingWeights } from '@wbdc/checkpoints/node';
import { parseClipVisionConfig, towerLayerKeys, towerNames } from '@wbdc/clip-model';
import { readJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { ParamTree } from '@wbdc/nn';
import type { LxmertModelConfig } from './config.js';

/** What a video stream and a published vision tower must agree in. */
type Sizes = Pick<LxmertModelConfig, 'hiddenSize' | 'heads' | 'intermediateSize' | 'videoActivation'>;

/**
 * Gives the video stream in a tree of variables the class token and the first layers of a published vision tower: a
 * ViT or a CLIP, in a folder with `config.json` and weights. Where the stream has all of the tower's layers it takes
 * the normalisation behind them too. Projection and positions stay as they are: frames are no patches.
 *
 * @param path of the double-stream model in the tree with a dot behind it, such as `encoder.`; empty where it is the
 *   tree
 * @throws SizesError where the tower's widths, heads or GELU are others; WbdcError where it has too few layers, or
 *   the stream is not pre-normalised
 */
export async function startFromVision(
  params: ParamTree,
  config: LxmertModelConfig,
  folder: string,
  path = '',
): Promise<WeightReport> {
  const where = join(folder, 'config.json');
  if (config.videoNorm === 'post') {
    throw new WbdcError({ where, expected: "a video stream with videoNorm 'pre' to start", got: "one with 'post'" });
  }
  const { layers, keys, ...sizes } = readTower(await readJson(where), where);
  const names = ['hiddenSize', 'heads', 'intermediateSize', 'videoActivation'] as const;
  assertSameSizes(folder, names, config, sizes);
  if (layers < config.videoLayers) {
    const expected = `at least ${config.videoLayers} layers, as the video stream has`;
    throw new WbdcError({ where, expected, got: String(layers) });
  }
  const entries = keys(`${path}video.`, { taken: config.videoLayers, all: layers, width: config.hiddenSize });
  // Of the rest, patches of a picture, further layers, a text tower or a classifier, the report tells.
  const keyMap = joinKeyMaps({ entries, unused: [] }, ANY_OTHER);
  return usingWeights(folder, (file) => loadWeights(params, keyMap, file));
}

interface Tower extends Sizes {
  readonly layers: number;
  keys(path: string, layers: Layers): KeyEntry[];
}

/** How many of the layers are taken, and D. */
interface Layers {
  readonly taken: number;
  readonly all: number;
  readonly width: number;
}

function readTower(json: unknown, where: string): Tower {
  const fields = (json ?? {}) as Readonly<Record<string, unknown>>;
  if (fields.model_type === 'vit') return readViT(fields, where);
  const { width, heads, intermediateSize, layers, activation = 'quick' } = parseClipVisionConfig(json, false, where);
  return { hiddenSize: width, heads, intermediateSize, videoActivation: activation, layers, keys: clipKeys };
}

function readViT(fields: Readonly<Record<string, unknown>>, where: string): Tower {
  const size = (name: string): number => {
    const value = fields[name];
    if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
    const got = JSON.stringify(value) ?? 'nothing';
    throw new WbdcError({ where, expected: `${name} to be a whole number from 1`, got });
  };
  const { hidden_act: activation = 'gelu' } = fields;
  if (activation !== 'gelu' && activation !== 'quick_gelu') {
    throw new WbdcError({ where, expected: 'hidden_act gelu or quick_gelu', got: JSON.stringify(activation) });
  }
  return {
    hiddenSize: size('hidden_size'),
    heads: size('num_attention_heads'),
    intermediateSize: size('intermediate_size'),
    videoActivation: activation === 'gelu' ? 'erf' : 'quick',
    layers: size('num_hidden_layers'),
    keys: vitKeys,
  };
}

function clipKeys(path: string, { taken, all, width }: Layers): KeyEntry[] {
  const names = towerNames('vision');
  return [
    { path: `${path}classToken`, names: names('embeddings.class_embedding'), shape: [width] },
    ...towerLayerKeys(path, taken, names),
    ...(taken === all ? normKeys(`${path}norm`, names('post_layernorm')) : []),
  ];
}

function vitKeys(path: string, { taken, all, width }: Layers): KeyEntry[] {
  const names = prefixed(['vit.', '']);
  return [
    { path: `${path}classToken`, names: names('embeddings.cls_token'), shape: [1, 1, width] },
    ...Array.from({ length: taken }, (_, i) =>
      vitLayerKeys(`${path}layers.${i}`, (name) => names(`encoder.layer.${i}.${name}`)),
    ).flat(),
    ...(taken === all ? normKeys(`${path}norm`, names('layernorm')) : []),
  ];
}

/** A layer of a Hugging Face ViT, by the names of its tensors behind the layer's own name. */
function vitLayerKeys(path: string, names: TensorNames): KeyEntry[] {
  return [
    ...['query', 'key', 'value'].flatMap((part) =>
      linearKeys(`${path}.attention.${part}`, names(`attention.attention.${part}`)),
    ),
    ...linearKeys(`${path}.attention.output`, names('attention.output.dense')),
    ...normKeys(`${path}.attentionNorm`, names('layernorm_before')),
    ...linearKeys(`${path}.intermediate`, names('intermediate.dense')),
    ...linearKeys(`${path}.output`, names('output.dense')),
    ...normKeys(`${path}.outputNorm`, names('layernorm_after')),
  ];
}
