import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import type { Bert, BertConfig, ParamTree } from '@wbdc/nn';
import { fileError, isSystemFile, makeFolder, readJson, writeJson } from '@wbdc/io';
import { openPytorch, type PytorchOptions } from './pytorch/pytorch-file.js';
import { openSafetensors, writeSafetensors } from './safetensors-file.js';
import type { WeightFile } from './shards.js';
import { bertConfigJson, bertShapes, parseBertConfig } from './weights/bert-config.js';
import { bertKeyMap } from './weights/bert-keys.js';
import { exportWeights, type ExportedTensor } from './weights/export.js';
import { readWeights, type LoadWeightsOptions } from './weights/load.js';
import type { WeightReport } from './weights/report.js';
import { withoutPrefixes } from './weights/source.js';
import { assertLayerCounts, assertParamShapes } from './weights/shapes.js';

/** File names of weights in a folder, the one to prefer first. */
const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

/** Files beside the weights of a training that end as weights do. */
const OTHERS = /^(optimizer|scheduler|scaler|training_args|rng_state.*)\.\w+$/;

export interface OpenWeightsOptions extends PytorchOptions {
  /** Name of the file in the folder, where it is none of the usual ones and more than one file could be it. */
  readonly file?: string | undefined;
}

/**
 * Opens the weights of a folder, safetensors before `pytorch_model.bin`, or a file of either format, or the index of
 * shards of either. A folder with one file of weights of any name (`*.safetensors`, `*.bin`, `*.pth`, `*.pt`, `*.ckpt`)
 * will do. What DataParallel (`module.`), torch.compile (`_orig_mod.`) or a framework (`model.`) has put before all
 * names is left out. Close it when done.
 */
export async function openWeights(path: string, { file, entry }: OpenWeightsOptions = {}): Promise<WeightFile> {
  const isFolder = (await stat(path).catch((cause) => Promise.reject(fileError('open', path, cause)))).isDirectory();
  const target = file !== undefined ? join(path, file) : isFolder ? await weightsOfFolder(path) : path;
  const isSafetensors = /\.safetensors(\.index\.json)?$/.test(target);
  return withoutPrefixes(await (isSafetensors ? openSafetensors(target) : openPytorch(target, { entry })));
}

/** Opens weights for the time of a function, see {@link openWeights}. */
export async function usingWeights<T>(
  path: string,
  use: (file: WeightFile) => Promise<T>,
  options: OpenWeightsOptions = {},
): Promise<T> {
  const file = await openWeights(path, options);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function weightsOfFolder(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => !isSystemFile(name)).sort();
  const candidates = names.filter((name) => /\.(safetensors|bin|pth|pt|ckpt)$/.test(name) && !OTHERS.test(name));
  const name = WEIGHTS.find((usual) => names.includes(usual)) ?? (candidates.length === 1 ? candidates[0] : undefined);
  if (name !== undefined) return join(folder, name);
  const found = candidates.length > 0 ? candidates : names;
  throw new WbdcError(
    `${folder}: expected one of ${WEIGHTS.join(', ')}, got ${found.slice(0, 10).join(', ') || 'nothing'}` +
      (candidates.length > 1 ? ': choose one of them' : ''),
  );
}

/** The sizes in a folder's `config.json`. */
export async function readBertConfig(folder: string): Promise<BertConfig> {
  const path = join(folder, 'config.json');
  return parseBertConfig(await readJson(path), path);
}

/**
 * A BERT, RoBERTa-wwm or MacBERT from a folder as published on the Hugging Face hub: `config.json` and weights in any
 * of the known formats. Its `vocab.txt` is for `loadTokenizer(folder)`. The parameters are trainable variables.
 */
export async function loadBert(
  folder: string,
  options: Pick<LoadWeightsOptions, 'allowUnused'> = {},
): Promise<{ config: BertConfig; params: Bert; report: WeightReport }> {
  const config = await readBertConfig(folder);
  return usingWeights(folder, async (file) => {
    assertLayerCounts({ layers: config.layers }, file);
    const { params, report } = await readWeights<Bert>(bertShapes(config), bertKeyMap(config.layers), file, options);
    return { config, params, report };
  });
}

export interface SaveBertOptions {
  /** The masked language model's head `{ transform, norm, bias }`, to be loaded as a BertForMaskedLM. */
  readonly mlmHead?: ParamTree;
}

/** Writes `model.safetensors` and `config.json` so that transformers loads the encoder with the same hidden states. */
export async function saveBert(
  folder: string,
  params: Bert,
  config: BertConfig,
  options: SaveBertOptions = {},
): Promise<void> {
  const { mlmHead } = options;
  assertParamShapes(params, bertShapes(config));
  const keys = bertKeyMap(config.layers, {
    path: 'bert.',
    prefixes: mlmHead ? ['bert.', ''] : ['', 'bert.'],
    ...(mlmHead && { mlmHead: 'head' }),
  });
  const tensors = exportWeights({ bert: params, head: mlmHead ?? {} }, keys);
  await saveFolder(folder, tensors, bertConfigJson(config, mlmHead ? 'BertForMaskedLM' : 'BertModel'));
}

/** Writes `model.safetensors` and `config.json` as transformers does, each whole or not at all. */
export async function saveFolder(folder: string, tensors: readonly ExportedTensor[], json: object): Promise<void> {
  await makeFolder(folder);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  await writeJson(join(folder, 'config.json'), json);
}
