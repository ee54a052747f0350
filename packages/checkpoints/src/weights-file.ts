import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bert, BertConfig, ParamTree } from '@wbdc/nn';
import { fileError, makeFolder, readJson, writeJson } from '@wbdc/io';
import { openPytorch } from './pytorch/pytorch-file.js';
import { openSafetensors, writeSafetensors } from './safetensors-file.js';
import type { WeightFile } from './shards.js';
import { bertConfigJson, bertShapes, parseBertConfig } from './weights/bert-config.js';
import { bertKeyMap } from './weights/bert-keys.js';
import { exportWeights } from './weights/export.js';
import { readWeights, type LoadWeightsOptions } from './weights/load.js';
import type { WeightReport } from './weights/report.js';
import { assertLayerCounts, assertParamShapes } from './weights/shapes.js';

/** File names of weights in a folder, the one to prefer first. */
const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
] as const;

/**
 * Opens the weights of a folder, safetensors before `pytorch_model.bin`, or a file of either format, or the index of
 * shards of either. Close it when done.
 */
export async function openWeights(path: string): Promise<WeightFile> {
  const isFolder = (await stat(path).catch((cause) => Promise.reject(fileError('open', path, cause)))).isDirectory();
  const file = isFolder ? await weightsOfFolder(path) : path;
  return /\.safetensors(\.index\.json)?$/.test(file) ? openSafetensors(file) : openPytorch(file);
}

async function weightsOfFolder(folder: string): Promise<string> {
  const names = await readdir(folder);
  const name = WEIGHTS.find((candidate) => names.includes(candidate));
  if (name) return join(folder, name);
  throw new Error(
    `${folder}: expected one of ${WEIGHTS.join(', ')}, got ${names.slice(0, 10).join(', ') || 'nothing'}`,
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
  const file = await openWeights(folder);
  try {
    assertLayerCounts({ layers: config.layers }, file);
    const { params, report } = await readWeights<Bert>(bertShapes(config), bertKeyMap(config.layers), file, options);
    return { config, params, report };
  } finally {
    await file.close();
  }
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
    prefix: mlmHead ? 'bert.' : '',
    ...(mlmHead && { mlmHead: 'head' }),
  });
  const tensors = exportWeights({ bert: params, head: mlmHead ?? {} }, keys);
  const json = bertConfigJson(config, mlmHead ? 'BertForMaskedLM' : 'BertModel');
  await makeFolder(folder);
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  await writeJson(join(folder, 'config.json'), json);
}
