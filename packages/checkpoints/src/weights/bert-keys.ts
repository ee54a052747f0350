import { linearKeys, normKeys, type KeyEntry, type KeyMap, type UnusedTensors } from './key-map.js';

export interface BertKeyMapOptions {
  /** Path of the BERT in our tree with a dot behind it, such as `bert.`; empty where it is the tree. */
  readonly path?: string;
  /** Prefix of the names to write: `bert.` (a model with heads) or empty (a BertModel). Both are read. */
  readonly prefix?: 'bert.' | '';
  /** Path of the masked language model's head `{ transform, norm, bias }` in our tree, such as `heads.mlm`. */
  readonly mlmHead?: string;
}

/**
 * Hugging Face's names of a BERT, RoBERTa-wwm or MacBERT of so many layers: with and without the prefix `bert.`, with
 * `LayerNorm.weight` or the old `LayerNorm.gamma`. Without `mlmHead` the checkpoint's heads are left out.
 */
export function bertKeyMap(layers: number, options: BertKeyMapOptions = {}): KeyMap {
  const { path = '', prefix = 'bert.', mlmHead } = options;
  const prefixes = prefix === '' ? (['', 'bert.'] as const) : (['bert.', ''] as const);
  const names = (name: string): [string, string] => [prefixes[0] + name, prefixes[1] + name];
  const entries = [
    ...embeddingKeys(`${path}embeddings`, names),
    ...Array.from({ length: layers }, (_, i) => layerKeys(`${path}layers.${i}`, `encoder.layer.${i}`, names)).flat(),
    ...(mlmHead === undefined ? [] : mlmHeadKeys(mlmHead)),
  ];
  return { entries, unused: mlmHead === undefined ? [...UNUSED, ...UNUSED_HEAD] : UNUSED };
}

/** A BertModel's pooler and next-sentence head serve an objective nobody here trains. */
const UNUSED: readonly UnusedTensors[] = [
  { pattern: '{bert.,}pooler.**', reason: 'the pooler belongs to next-sentence prediction' },
  { pattern: 'cls.seq_relationship.**', reason: 'next-sentence prediction' },
  { pattern: '{bert.,}embeddings.{position,token_type}_ids', reason: 'constants, not weights' },
  { pattern: 'cls.predictions.decoder.weight', reason: 'tied to the word embeddings' },
  { pattern: 'cls.predictions.decoder.bias', reason: 'the same as cls.predictions.bias' },
];

const UNUSED_HEAD: readonly UnusedTensors[] = [
  { pattern: 'cls.predictions.**', reason: 'the masked language model’s head was not asked for' },
];

type Names = (name: string) => [string, ...string[]];

function embeddingKeys(path: string, names: Names): KeyEntry[] {
  const table = (part: string, name: string): KeyEntry => ({
    path: `${path}.${part}`,
    names: names(`embeddings.${name}_embeddings.weight`),
  });
  return [
    table('word', 'word'),
    table('position', 'position'),
    table('segment', 'token_type'),
    ...normKeys(`${path}.norm`, names('embeddings.LayerNorm')),
  ];
}

function layerKeys(path: string, name: string, names: Names): KeyEntry[] {
  const dense = (part: string, module: string): KeyEntry[] => linearKeys(`${path}.${part}`, names(`${name}.${module}`));
  return [
    ...dense('attention.query', 'attention.self.query'),
    ...dense('attention.key', 'attention.self.key'),
    ...dense('attention.value', 'attention.self.value'),
    ...dense('attention.output', 'attention.output.dense'),
    ...normKeys(`${path}.attentionNorm`, names(`${name}.attention.output.LayerNorm`)),
    ...dense('intermediate', 'intermediate.dense'),
    ...dense('output', 'output.dense'),
    ...normKeys(`${path}.outputNorm`, names(`${name}.output.LayerNorm`)),
  ];
}

function mlmHeadKeys(path: string): KeyEntry[] {
  return [
    ...linearKeys(`${path}.transform`, ['cls.predictions.transform.dense']),
    ...normKeys(`${path}.norm`, ['cls.predictions.transform.LayerNorm']),
    { path: `${path}.bias`, names: ['cls.predictions.bias'] },
  ];
}
