import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  linearKeys,
  normKeys,
  readWeights,
  type KeyEntry,
  type KeyMap,
  type LoadWeightsOptions,
  type UnusedTensors,
  type WeightReport,
} from '@wbdc/nn';
import { fileError, openWeights } from '@wbdc/nn/node';
import { clipVision, type ClipVisionConfig, type ClipVisionParams } from './clip-vision.js';

/**
 * The vision tower of a checkpoint folder as published on the Hugging Face hub (`CLIPModel`, `CLIPVisionModel`, with or
 * without projection): `config.json` and weights, safetensors or `pytorch_model.bin`. Parameters are trainable variables.
 */
export async function loadClipVision(
  folder: string,
  options: Pick<LoadWeightsOptions, 'allowUnused'> = {},
): Promise<{ config: ClipVisionConfig; params: ClipVisionParams; report: WeightReport }> {
  const config = await readConfig(join(folder, 'config.json'));
  const file = await openWeights(folder);
  try {
    const keys = clipVisionKeyMap(config);
    return { config, ...(await readWeights<ClipVisionParams>(clipVisionShapes(config), keys, file, options)) };
  } finally {
    await file.close();
  }
}

async function readConfig(path: string): Promise<ClipVisionConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => Promise.reject(fileError('open', path, cause)));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path}: expected JSON, got ${text.length} characters that are none`, { cause });
  }
  const config = parseClipVisionConfig(json, path);
  clipVision(config); // checks that the sizes go together
  return config;
}

/** What a checkpoint of a whole CLIP has beside the vision tower. */
const UNUSED: readonly UnusedTensors[] = [
  { pattern: 'text_model.**', reason: 'the text tower' },
  { pattern: 'text_projection.weight', reason: 'the text tower' },
  { pattern: 'logit_scale', reason: 'the temperature of training' },
  { pattern: '{vision_model.,}embeddings.position_ids', reason: 'constants, not weights' },
];

/** Hugging Face's names of the tower; since transformers 5 a lone `CLIPVisionModel` is saved without the prefix. */
export function clipVisionKeyMap(config: ClipVisionConfig): KeyMap {
  const { width, patchSize, projection } = config;
  const names: Names = (name) => [`vision_model.${name}`, name];
  // The convolution [D, 3, P, P] becomes the matrix [3 * P * P, D].
  const patch = { permute: [1, 2, 3, 0], shape: [width, 3, patchSize, patchSize] };
  const projected: KeyEntry = { path: 'projection', names: ['visual_projection.weight'], permute: [1, 0] };
  const entries: KeyEntry[] = [
    { path: 'patch', names: names('embeddings.patch_embedding.weight'), ...patch },
    { path: 'classToken', names: names('embeddings.class_embedding') },
    { path: 'position', names: names('embeddings.position_embedding.weight') },
    ...normKeys('preNorm', names('pre_layrnorm')), // the misspelling is theirs
    ...Array.from({ length: config.layers }, (_, i) => layerKeys(`layers.${i}`, `encoder.layers.${i}`, names)).flat(),
    ...normKeys('postNorm', names('post_layernorm')),
    ...(projection ? [projected] : []),
  ];
  const unused = { pattern: 'visual_projection.weight', reason: 'the projection was not asked for' };
  return { entries, unused: projection ? UNUSED : [...UNUSED, unused] };
}

type Names = (name: string) => [string, string];

function layerKeys(path: string, name: string, names: Names): KeyEntry[] {
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

/** Paths and shapes of the tower's parameters, in the order of `clipVision(config).init`. */
export function clipVisionShapes(config: ClipVisionConfig): Map<string, readonly number[]> {
  const { width: D, intermediateSize: wide, patchSize, imageSize, projection } = config;
  const norm = (path: string): [string, number[]][] => [
    [`${path}.gamma`, [D]],
    [`${path}.beta`, [D]],
  ];
  const dense = (path: string, inputs: number, outputs: number): [string, number[]][] => [
    [`${path}.weight`, [inputs, outputs]],
    [`${path}.bias`, [outputs]],
  ];
  const layer = (path: string): [string, number[]][] => [
    ...['query', 'key', 'value', 'output'].flatMap((part) => dense(`${path}.attention.${part}`, D, D)),
    ...norm(`${path}.attentionNorm`),
    ...dense(`${path}.intermediate`, D, wide),
    ...dense(`${path}.output`, wide, D),
    ...norm(`${path}.outputNorm`),
  ];
  return new Map<string, readonly number[]>([
    ['patch', [3 * patchSize ** 2, D]],
    ['classToken', [D]],
    ['position', [(imageSize / patchSize) ** 2 + 1, D]],
    ...norm('preNorm'),
    ...Array.from({ length: config.layers }, (_, i) => layer(`layers.${i}`)).flat(),
    ...norm('postNorm'),
    ...(projection ? ([['projection', [D, projection]]] as const) : []),
  ]);
}

/** Fields with Hugging Face's defaults, those of CLIP ViT-B/32. */
const FIELDS = {
  imageSize: ['image_size', 224],
  patchSize: ['patch_size', 32],
  width: ['hidden_size', 768],
  layers: ['num_hidden_layers', 12],
  heads: ['num_attention_heads', 12],
  intermediateSize: ['intermediate_size', 3072],
} as const;

/** What this implementation is; a checkpoint that says otherwise would load and compute something else. */
const FIXED = { num_channels: 3, layer_norm_eps: 1e-5 };

const ACTIVATIONS: ReadonlyMap<unknown, 'quick' | 'erf'> = new Map([
  ['quick_gelu', 'quick'],
  ['gelu', 'erf'],
]);

/** The tower's configuration from the parsed config.json of a CLIP checkpoint, all problems reported together. */
export function parseClipVisionConfig(json: unknown, where = 'config.json'): ClipVisionConfig {
  const root = record(json, where);
  const whole = 'vision_config' in root;
  const vision = whole ? record(root.vision_config, `${where}: vision_config`) : root;
  const problems: string[] = [];
  const count = (name: string, value: unknown): number => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    problems.push(`${name}: expected a whole number from 1, got ${JSON.stringify(value)}`);
    return 1;
  };
  const sizes = Object.entries(FIELDS).map(([ours, [theirs, value]]) => [ours, count(theirs, vision[theirs] ?? value)]);
  const activation = ACTIVATIONS.get(vision.hidden_act ?? 'quick_gelu');
  if (!activation) problems.push(`hidden_act: expected quick_gelu or gelu, got ${JSON.stringify(vision.hidden_act)}`);
  for (const [name, value] of Object.entries(FIXED)) {
    if ((vision[name] ?? value) !== value)
      problems.push(`${name}: expected ${value}, got ${JSON.stringify(vision[name])}`);
  }
  const projects = whole || JSON.stringify(root.architectures ?? '').includes('WithProjection');
  const projection = projects && { projection: count('projection_dim', root.projection_dim ?? 512) };
  if (problems.length === 0) return { ...Object.fromEntries(sizes), activation, ...projection } as ClipVisionConfig;
  throw new Error([`${where}: not the configuration of a CLIP this package can run:`, ...problems].join('\n  '));
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`${where}: expected an object, got ${JSON.stringify(value)?.slice(0, 80)}`);
}
