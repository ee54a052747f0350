const CONFIGURATION = [
  'config.json',
  'vocab.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'preprocessor_config.json',
  // Of a model that wbdc saved: names of its outputs.
  'categories.json',
  'categories.txt',
  'tag_list.txt',
];

/** Subfolder of a model that belongs to it: its vision tower. */
export const SUBFOLDER = 'tower';

const WEIGHTS = [
  { file: 'model.safetensors' },
  { file: 'model.safetensors.index.json', shard: /^model-\d+-of-\d+\.safetensors$/ },
  { file: 'pytorch_model.bin' },
  { file: 'pytorch_model.bin.index.json', shard: /^pytorch_model-\d+-of-\d+\.bin$/ },
];

/**
 * What a model needs of all that is published with it: configuration, vocabulary, and the weights in one format,
 * safetensors first; of a vision tower in `tower/` the same. Weights come last. Nothing where there are no weights of a
 * known format.
 */
export function chooseFiles(names: readonly string[]): string[] | undefined {
  const own = chooseOwn(names);
  if (own === undefined) return undefined;
  const prefix = `${SUBFOLDER}/`;
  const below = names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return [...(chooseOwn(below) ?? []).map((name) => prefix + name), ...own];
}

function chooseOwn(names: readonly string[]): string[] | undefined {
  const weights = WEIGHTS.find(({ file }) => names.includes(file));
  if (!weights) return undefined;
  const shards = names.filter((name) => weights.shard?.test(name)).sort();
  return [...CONFIGURATION.filter((name) => names.includes(name)), weights.file, ...shards];
}

/** The index among chosen files, where the weights are sharded. */
export function shardIndexOf(names: readonly string[]): string | undefined {
  return WEIGHTS.find(({ file, shard }) => shard && names.includes(file))?.file;
}
