import {
  linearKeys,
  normKeys,
  type KeyEntry,
  type KeyMap,
  type ParamShapes,
  type WeightReport,
} from '@wbdc/checkpoints';
import { WbdcError } from '@wbdc/io/errors';
import type { GeluForm } from '@wbdc/nn';

/** What the checkpoints of both towers of a CLIP have in common, and where they differ. */
export interface ClipTower<Config> {
  readonly kind: 'vision' | 'text';
  /** Whole numbers of `config.json`, with transformers' defaults: older files leave out what does not differ. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Fields that must have these values. */
  readonly fixed: Readonly<Record<string, number>>;
  /** Name of the projection's tensor. */
  readonly projection: string;
  readonly fromFields: (size: (name: string) => number) => Config;
  readonly toFields: (config: Config) => Readonly<Record<string, number>>;
  readonly keyMap: (config: Config) => KeyMap;
  readonly shapes: (config: Config) => ParamShapes;
}

/** What the configurations of both towers share. */
export interface TowerConfig {
  readonly layers: number;
  readonly activation?: GeluForm;
  readonly projection?: number;
}

const ACTIVATIONS: Readonly<Record<string, GeluForm>> = { quick_gelu: 'quick', gelu: 'erf' };

/** Sizes of a tower from `config.json`, of a whole CLIP or of the tower alone. */
export function parseTowerConfig<Config extends TowerConfig>(
  { kind, sizes, fixed, fromFields }: ClipTower<Config>,
  json: unknown,
  hasProjection: boolean,
  where: string,
): Config {
  const root = asObject(json, where);
  const isTower = [`clip_${kind}_model`, `chinese_clip_${kind}_model`].includes(String(root.model_type));
  const own = `${kind}_config`;
  const fields: Readonly<Record<string, unknown>> = {
    ...sizes,
    ...(isTower ? root : asObject(root[own], `${where}: ${own}`)),
    ...(!isTower && root.projection_dim !== undefined && { projection_dim: root.projection_dim }),
  };
  const activation = ACTIVATIONS[String(fields.hidden_act ?? 'quick_gelu')];
  const problems = [
    ...Object.keys(sizes)
      .filter((name) => !(Number.isSafeInteger(fields[name]) && Number(fields[name]) > 0))
      .map((name) => `${name}: expected a whole number from 1, got ${JSON.stringify(fields[name])}`),
    ...Object.entries(fixed)
      .filter(([name, value]) => (fields[name] ?? value) !== value)
      .map(([name, value]) => `${name}: expected ${value}, got ${JSON.stringify(fields[name])}`),
    ...(activation ? [] : [`hidden_act: expected quick_gelu or gelu, got ${JSON.stringify(fields.hidden_act)}`]),
  ];
  const [width, heads] = [fields.hidden_size, fields.num_attention_heads].map(Number);
  if (problems.length === 0 && width % heads !== 0) {
    problems.push(`num_attention_heads: expected a divisor of hidden_size ${width}, got ${heads}`);
  }
  if (problems.length > 0) {
    throw new WbdcError([`${where}: not the configuration of a CLIP ${kind} tower:`, ...problems].join('\n  '));
  }
  const size = (name: string): number => Number(fields[name]);
  return { ...fromFields(size), activation, ...(hasProjection && { projection: size('projection_dim') }) };
}

function asObject(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new WbdcError(`${where}: expected an object, got ${JSON.stringify(value)?.slice(0, 80)}`);
}

export interface LoadedTower<Config, Params> {
  readonly config: Config;
  readonly params: Params;
  readonly report: WeightReport;
}

type Names = (name: string) => [string, string];

/** With the prefix of the published files, and without as transformers 5 saves a tower alone. */
export function towerNames(kind: 'vision' | 'text'): Names {
  return (name) => [`${kind}_model.${name}`, name];
}

/** The layers of either tower by Hugging Face's names, from `path` on: `layers.0...`. */
export function towerLayerKeys(path: string, layers: number, names: Names): KeyEntry[] {
  return Array.from({ length: layers }, (_, i) => layerKeys(`${path}layers.${i}`, `encoder.layers.${i}`, names)).flat();
}

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
