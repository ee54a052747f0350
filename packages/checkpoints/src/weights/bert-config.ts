import { WbdcError } from '@wbdc/io/errors';
import type { BertConfig } from '@wbdc/nn';
import { BERT_EPSILON } from '@wbdc/nn';
import { inputEmbeddingShapes, layersShapes, type ParamShapes, type ShapeEntry } from './shapes.js';

const FIELDS = {
  vocabSize: 'vocab_size',
  hiddenSize: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  intermediateSize: 'intermediate_size',
  maxPositions: 'max_position_embeddings',
  segments: 'type_vocab_size',
} as const;

/** What this implementation is; a checkpoint that says otherwise would load and compute something else. */
const FIXED: Readonly<Record<string, unknown>> = {
  model_type: 'bert',
  hidden_act: 'gelu',
  layer_norm_eps: BERT_EPSILON,
  position_embedding_type: 'absolute',
  is_decoder: false,
  add_cross_attention: false,
};

/**
 * Sizes of a BERT from Hugging Face's `config.json`, all problems reported together. One rate stands here for both of
 * theirs: `hidden_dropout_prob`. Fields this model has no use for are passed over, as transformers does.
 */
export function parseBertConfig(json: unknown, where = 'config.json'): BertConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new WbdcError(`${where}: expected an object, got ${JSON.stringify(json)?.slice(0, 80)}`);
  }
  const fields = json as Readonly<Record<string, unknown>>;
  const { hidden_dropout_prob: dropout = 0.1 } = fields;
  const problems = [
    ...Object.values(FIELDS)
      .filter((name) => !isCount(fields[name]))
      .map((name) => `${name}: expected a whole number from 1, got ${JSON.stringify(fields[name])}`),
    ...Object.entries(FIXED)
      .filter(([name, value]) => (fields[name] ?? value) !== value)
      .map(([name, value]) => `${name}: expected ${JSON.stringify(value)}, got ${JSON.stringify(fields[name])}`),
    ...(typeof dropout === 'number' && dropout >= 0 && dropout < 1
      ? []
      : [`hidden_dropout_prob: expected a number in [0, 1), got ${JSON.stringify(dropout)}`]),
  ];
  if (problems.length > 0) {
    throw new WbdcError([`${where}: not the configuration of a BERT this package can run:`, ...problems].join('\n  '));
  }
  const sizes = Object.entries(FIELDS).map(([ours, theirs]) => [ours, fields[theirs]]);
  const config = { ...Object.fromEntries(sizes), dropout } as BertConfig;
  if (config.hiddenSize % config.heads === 0) return config;
  const { hiddenSize, heads } = config;
  throw new WbdcError(
    `${where}: expected hidden_size to be a multiple of num_attention_heads, got ${hiddenSize} and ${heads}`,
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** The `config.json` from which transformers builds the same BERT. */
export function bertConfigJson(config: BertConfig, architecture: 'BertModel' | 'BertForMaskedLM'): object {
  const sizes = Object.entries(FIELDS).map(([ours, theirs]) => [theirs, config[ours as keyof typeof FIELDS]]);
  return {
    architectures: [architecture],
    ...FIXED,
    ...Object.fromEntries(sizes),
    hidden_dropout_prob: config.dropout,
    attention_probs_dropout_prob: config.dropout,
    pad_token_id: 0,
    dtype: 'float32',
  };
}

/** Paths and shapes of a BERT's parameters, those of `newBert` and in its order. */
export function bertShapes(config: BertConfig): ParamShapes {
  return new Map(bertShapeEntries(config));
}

/** Those of a BERT that is part of a model: with a path and a dot before each. */
export function bertShapeEntries(config: BertConfig, path = ''): ShapeEntry[] {
  const { vocabSize, hiddenSize, intermediateSize, maxPositions, segments, layers } = config;
  return [
    [`${path}embeddings.word`, [vocabSize, hiddenSize]],
    ...inputEmbeddingShapes(`${path}embeddings`, maxPositions, segments, hiddenSize),
    ...layersShapes(`${path}layers`, layers, hiddenSize, intermediateSize),
  ];
}
