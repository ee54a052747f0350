import { join } from 'node:path';
import {
  exportWeights,
  flatten,
  layerShapes,
  linearKeys,
  normKeys,
  normShapes,
  readWeights,
  type KeyEntry,
  type KeyMap,
  type LoadWeightsOptions,
  type WeightReport,
} from '@wbdc/nn';
import { makeFolder, openWeights, readJson, writeFileAtomic, writeSafetensors } from '@wbdc/nn/node';
import type { ClipVisionConfig, ClipVisionParams } from './clip-vision.js';

export interface ClipVisionKeyMapOptions {
  /** Path of the tower in our tree with a dot behind it, such as `vision.`; empty where it is the tree. */
  readonly path?: string;
}

/** Hugging Face's names of a CLIP vision tower, from a whole CLIP or from a CLIPVisionModel. */
export function clipVisionKeyMap(config: ClipVisionConfig, { path = '' }: ClipVisionKeyMapOptions = {}): KeyMap {
  const { patchSize, width, layers, projection } = config;
  const entries: KeyEntry[] = [
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
    ...Array.from({ length: layers }, (_, i) => layerKeys(`${path}layers.${i}`, `encoder.layers.${i}`)).flat(),
    ...normKeys(`${path}postNorm`, names('post_layernorm')),
    ...(projection
      ? [{ path: `${path}projection`, names: ['visual_projection.weight'], permute: [1, 0] } satisfies KeyEntry]
      : []),
  ];
  return {
    entries,
    unused: [
      { pattern: '{text_model,text_projection}.**', reason: 'the text tower' },
      { pattern: 'logit_scale', reason: 'the temperature of the two towers' },
      { pattern: '{vision_model.,}embeddings.position_ids', reason: 'constants, not weights' },
      ...(projection ? [] : [{ pattern: 'visual_projection.weight', reason: 'the configuration has no projection' }]),
    ],
  };
}

/** With the prefix of the published files, and without as transformers 5 saves a tower alone. */
function names(name: string): [string, string] {
  return [`vision_model.${name}`, name];
}

function layerKeys(path: string, name: string): KeyEntry[] {
  const dense = (part: string, module: string): KeyEntry[] => linearKeys(`${path}.${part}`, names(`${name}.${module}`));
  return [
    ...dense('attention.query', 'self_attn.q_proj'),
    ...dense('attention.key', 'self_attn.k_proj'),
    ...dense('attention.value', 'self_attn.v_proj'),
    ...dense('attention.output', 'self_attn.out_proj'),
    ...normKeys(`${path}.attentionNorm`, names(`${name}.layer_norm1`)),
    ...dense('intermediate', 'mlp.fc1'),
    ...dense('output', 'mlp.fc2'),
    ...normKeys(`${path}.outputNorm`, names(`${name}.layer_norm2`)),
  ];
}

/** transformers' defaults, which are those of `openai/clip-vit-base-patch32`; older files leave them out. */
const DEFAULTS = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  image_size: 224,
  patch_size: 32,
  projection_dim: 512,
};
const FIXED = { num_channels: 3, layer_norm_eps: 1e-5 };
const ACTIVATIONS: Readonly<Record<string, 'quick' | 'erf'>> = { quick_gelu: 'quick', gelu: 'erf' };

/**
 * Sizes of the vision tower in Hugging Face's `config.json`, of a whole CLIP (its `vision_config`) or of a tower alone.
 * `projection` is its width where the weights have one: pass whether they do.
 */
export function parseClipVisionConfig(json: unknown, hasProjection: boolean, where = 'config.json'): ClipVisionConfig {
  const root = asObject(json, where);
  const isTower = root.model_type === 'clip_vision_model';
  const fields: Readonly<Record<string, unknown>> = {
    ...DEFAULTS,
    ...(isTower ? root : asObject(root.vision_config, `${where}: vision_config`)),
    ...(!isTower && root.projection_dim !== undefined && { projection_dim: root.projection_dim }),
  };
  const activation = ACTIVATIONS[String(fields.hidden_act ?? 'quick_gelu')];
  const problems = [
    ...Object.keys(DEFAULTS)
      .filter((name) => !(Number.isSafeInteger(fields[name]) && Number(fields[name]) > 0))
      .map((name) => `${name}: expected a whole number from 1, got ${JSON.stringify(fields[name])}`),
    ...Object.entries(FIXED)
      .filter(([name, value]) => (fields[name] ?? value) !== value)
      .map(([name, value]) => `${name}: expected ${value}, got ${JSON.stringify(fields[name])}`),
    ...(activation ? [] : [`hidden_act: expected quick_gelu or gelu, got ${JSON.stringify(fields.hidden_act)}`]),
  ];
  if (problems.length > 0) {
    throw new Error([`${where}: not the configuration of a CLIP vision tower:`, ...problems].join('\n  '));
  }
  const size = (name: keyof typeof DEFAULTS): number => Number(fields[name]);
  return {
    imageSize: size('image_size'),
    patchSize: size('patch_size'),
    width: size('hidden_size'),
    layers: size('num_hidden_layers'),
    heads: size('num_attention_heads'),
    intermediateSize: size('intermediate_size'),
    activation,
    ...(hasProjection && { projection: size('projection_dim') }),
  };
}

function asObject(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${where}: expected an object, got ${JSON.stringify(value)?.slice(0, 80)}`);
}

/** The vision tower of a folder as published on the Hugging Face hub, such as `openai/clip-vit-base-patch32`. */
export async function loadClipVision(
  folder: string,
  options: Pick<LoadWeightsOptions, 'allowUnused'> = {},
): Promise<{ config: ClipVisionConfig; params: ClipVisionParams; report: WeightReport }> {
  const path = join(folder, 'config.json');
  const json = await readJson(path);
  const file = await openWeights(folder);
  try {
    const config = parseClipVisionConfig(json, file.tensors.has('visual_projection.weight'), path);
    const keys = clipVisionKeyMap(config);
    const { params, report } = await readWeights<ClipVisionParams>(clipVisionShapes(config), keys, file, options);
    return { config, params, report };
  } finally {
    await file.close();
  }
}

/**
 * Writes `model.safetensors` and `config.json` from which transformers loads the tower: a CLIPVisionModel, or a
 * CLIPVisionModelWithProjection where the tower has one.
 */
export async function saveClipVision(
  folder: string,
  params: ClipVisionParams,
  config: ClipVisionConfig,
): Promise<void> {
  const shapes = clipVisionShapes(config);
  const wrong = flatten(params).find(({ path, leaf }) => shapes.get(path)?.join() !== leaf.shape.join());
  if (wrong) {
    const expected = shapes.get(wrong.path)?.join(', ') ?? 'none';
    throw new Error(
      `expected '${wrong.path}' of shape [${expected}] by the configuration, got [${wrong.leaf.shape.join(', ')}]`,
    );
  }
  const json = {
    architectures: [config.projection ? 'CLIPVisionModelWithProjection' : 'CLIPVisionModel'],
    model_type: 'clip_vision_model',
    ...FIXED,
    hidden_size: config.width,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    image_size: config.imageSize,
    patch_size: config.patchSize,
    projection_dim: config.projection ?? DEFAULTS.projection_dim,
    hidden_act: config.activation === 'erf' ? 'gelu' : 'quick_gelu',
    dtype: 'float32',
  };
  const tensors = exportWeights(params, clipVisionKeyMap(config));
  await makeFolder(folder);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  await writeFileAtomic(join(folder, 'config.json'), [Buffer.from(`${JSON.stringify(json, null, 2)}\n`)]);
}

/** Paths and shapes of a tower's parameters, those of `clipVision(config).init` and in its order. */
export function clipVisionShapes(config: ClipVisionConfig): Map<string, readonly number[]> {
  const { width, patchSize, imageSize, intermediateSize, projection } = config;
  return new Map<string, readonly number[]>([
    ['patch', [3 * patchSize ** 2, width]],
    ['classToken', [width]],
    ['position', [(imageSize / patchSize) ** 2 + 1, width]],
    ...normShapes('preNorm', width),
    ...Array.from({ length: config.layers }, (_, i) => layerShapes(`layers.${i}`, width, intermediateSize)).flat(),
    ...normShapes('postNorm', width),
    ...(projection ? ([['projection', [width, projection]]] as const) : []),
  ]);
}
