import { linearKeys, normKeys, type KeyEntry, type KeyMap, type UnusedTensors } from './key-map.js';

export interface BertKeyMapOptions {
  /** Path of the BERT in our tree with a dot behind it, such as `bert.`; empty where it is the tree. */
  readonly path?: string;
  /**
   * What may stand before the names: the first is written, any is read. Default: `bert.` (a model with heads) and
   * nothing (a BertModel).
   */
  readonly prefixes?: readonly [string, ...string[]];
  /** Path of the masked language model's head `{ transform, norm, bias }` in our tree, such as `heads.mlm`. */
  readonly mlmHead?: string;
}

/**
 * Hugging Face's names of a BERT, RoBERTa-wwm or MacBERT of so many layers: with and without the prefix `bert.`, with
 * `LayerNorm.weight` or the old `LayerNorm.gamma`. Without `mlmHead` the checkpoint's heads are left out.
 */
export function bertKeyMap(layers: number, options: BertKeyMapOptions = {}): KeyMap {
  const { path = '', prefixes = ['bert.', ''], mlmHead } = options;
  const names = prefixed(prefixes);
  const entries = [
    ...embeddingKeys(`${path}embeddings`, names),
    ...Array.from({ length: layers }, (_, i) =>
      bertLayerKeys(`${path}layers.${i}`, (name) => names(`encoder.layer.${i}.${name}`)),
    ).flat(),
    ...(mlmHead === undefined ? [] : mlmHeadKeys(mlmHead, prefixed(['']))),
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

/** All names that a tensor may have in the checkpoint, by the last part of them. */
export type TensorNames = (name: string) => [string, ...string[]];

/** A name behind each of some prefixes. */
export function prefixed([first, ...rest]: readonly [string, ...string[]]): TensorNames {
  return (name) => [first + name, ...rest.map((prefix) => prefix + name)];
}

function embeddingKeys(path: string, names: TensorNames): KeyEntry[] {
  const word = { path: `${path}.word`, names: names('embeddings.word_embeddings.weight') };
  return [word, ...inputEmbeddingKeys(path, (name) => names(`embeddings.${name}`))];
}

/** Positions, token types and normalisation of a BertEmbeddings module, by the names behind its own. */
export function inputEmbeddingKeys(path: string, names: TensorNames): KeyEntry[] {
  return [
    { path: `${path}.position`, names: names('position_embeddings.weight') },
    { path: `${path}.segment`, names: names('token_type_embeddings.weight') },
    ...normKeys(`${path}.norm`, names('LayerNorm')),
  ];
}

/** Names of the modules of a layer: LXMERT's cross-modality layers call them otherwise. */
export interface BertLayerModules {
  readonly attention: string;
  readonly intermediate: string;
  readonly output: string;
}

const LAYER: BertLayerModules = { attention: 'attention', intermediate: 'intermediate', output: 'output' };

/** A layer of BERT, by the names of its tensors behind the layer's own name. */
export function bertLayerKeys(path: string, names: TensorNames, modules: BertLayerModules = LAYER): KeyEntry[] {
  const { attention, intermediate, output } = modules;
  return [
    ...bertAttentionKeys(`${path}.attention`, names, `${attention}.self`, `${attention}.output`),
    ...normKeys(`${path}.attentionNorm`, names(`${attention}.output.LayerNorm`)),
    ...linearKeys(`${path}.intermediate`, names(`${intermediate}.dense`)),
    ...linearKeys(`${path}.output`, names(`${output}.dense`)),
    ...normKeys(`${path}.outputNorm`, names(`${output}.LayerNorm`)),
  ];
}

/** The projections of attention in the modules that make queries, keys and values, and the output. */
export function bertAttentionKeys(path: string, names: TensorNames, self: string, output: string): KeyEntry[] {
  return [
    ...['query', 'key', 'value'].flatMap((part) => linearKeys(`${path}.${part}`, names(`${self}.${part}`))),
    ...linearKeys(`${path}.output`, names(`${output}.dense`)),
  ];
}

/** The masked language model's head `{ transform, norm, bias }`. */
export function mlmHeadKeys(path: string, names: TensorNames): KeyEntry[] {
  return [
    ...linearKeys(`${path}.transform`, names('cls.predictions.transform.dense')),
    ...normKeys(`${path}.norm`, names('cls.predictions.transform.LayerNorm')),
    { path: `${path}.bias`, names: names('cls.predictions.bias') },
  ];
}
