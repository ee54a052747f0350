import { join } from 'node:path';
import {
  assertLayerCounts,
  assertParamShapes,
  assertVocabularyFits,
  exportWeights,
  modelOf,
  readWeights,
  type LoadWeightsOptions,
  type WeightReport,
} from '@wbdc/checkpoints';
import { saveFolder, usingWeights } from '@wbdc/checkpoints/node';
import type { ParamTree } from '@wbdc/nn';
import { readJson } from '@wbdc/io';
import { loadClipTokenizer, loadTokenizer } from '@wbdc/tokenizer/node';
import { VISION_TOWER } from './clip-checkpoint.js';
import { clipModel, type ClipModel, type ClipModelConfig, type ClipModelParams } from './clip-model.js';
import { clipModelKeyMap, clipModelShapes, parseClipModelConfig } from './clip-model-checkpoint.js';
import { TEXT_TOWER } from './clip-text-checkpoint.js';
import type { ClipTextConfig, ClipTextParams } from './clip-text.js';
import { parseTowerConfig, type ClipTower, type LoadedTower, type TowerConfig } from './clip-tower.js';
import type { ClipVisionConfig, ClipVisionParams } from './clip-vision.js';
import { chineseClipTextReader, clipTextReader, type ClipTextReader } from './text-rows.js';

export { startFromClipVision } from './start-from.js';

/** The vision tower of a folder as published on the Hugging Face hub, such as `openai/clip-vit-base-patch32`. */
export function loadClipVision(
  folder: string,
  options: Pick<LoadWeightsOptions, 'allowUnused'> = {},
): Promise<LoadedTower<ClipVisionConfig, ClipVisionParams>> {
  return loadTower(VISION_TOWER, folder, options);
}

/**
 * Writes `model.safetensors` and `config.json` from which transformers loads the tower: a CLIPVisionModel, or a
 * CLIPVisionModelWithProjection where the tower has one.
 */
export function saveClipVision(folder: string, params: ClipVisionParams, config: ClipVisionConfig): Promise<void> {
  return saveTower(VISION_TOWER, folder, params, config);
}

/** The text tower of a folder as published on the Hugging Face hub, such as `openai/clip-vit-base-patch32`. */
export function loadClipText(
  folder: string,
  options: Pick<LoadWeightsOptions, 'allowUnused'> = {},
): Promise<LoadedTower<ClipTextConfig, ClipTextParams>> {
  return loadTower(TEXT_TOWER, folder, options);
}

/**
 * Writes a folder that transformers loads: a CLIPTextModel, or a CLIPTextModelWithProjection where the tower has one.
 */
export function saveClipText(folder: string, params: ClipTextParams, config: ClipTextConfig): Promise<void> {
  return saveTower(TEXT_TOWER, folder, params, config);
}

/** Both towers of a published model, and how texts become their input. */
export interface LoadedClipModel {
  readonly config: ClipModelConfig;
  readonly model: ClipModel;
  readonly params: ClipModelParams;
  readonly readTexts: ClipTextReader;
  /** Where the tokenizer's files contradict each other, and which of them was followed. */
  readonly warnings: readonly string[];
  /** What the folder holds and nobody needs. */
  readonly report: WeightReport;
}

/**
 * Both towers of a CLIP (`openai/clip-vit-base-patch32`) or a Chinese-CLIP (`OFA-Sys/chinese-clip-vit-base-patch16`,
 * `...-large-patch14`) with its tokenizer, from a folder as published on the Hugging Face hub.
 *
 * @throws WbdcError where the folder holds another model, or a file is missing or damaged
 */
export async function loadClipModel(
  folder: string,
  options: Pick<LoadWeightsOptions, 'allowUnused'> = {},
): Promise<LoadedClipModel> {
  const path = join(folder, 'config.json');
  const config = parseClipModelConfig(await readJson(path), path);
  const { readTexts, vocabSize, warnings } = await loadTextReader(folder, config);
  assertVocabularyFits(vocabSize, config.text, folder);
  const model = modelOf(path, () => clipModel(config));
  return usingWeights(folder, async (file) => {
    assertLayerCounts({ layers: config.vision.layers }, file);
    assertLayerCounts({ layers: config.text.layers }, file);
    const [shapes, keys] = [clipModelShapes(config), clipModelKeyMap(config)];
    const { params, report } = await readWeights<ClipModelParams>(shapes, keys, file, options);
    return { config, model, params, readTexts, warnings, report };
  });
}

interface LoadedTextReader {
  readonly readTexts: ClipTextReader;
  readonly vocabSize: number;
  readonly warnings: readonly string[];
}

async function loadTextReader(folder: string, { kind, text }: ClipModelConfig): Promise<LoadedTextReader> {
  const positions = text.maxPositions;
  if (kind === 'clip') {
    const tokenizer = await loadClipTokenizer(folder);
    const { vocabSize, warnings } = tokenizer;
    return { readTexts: clipTextReader(tokenizer, positions), vocabSize, warnings };
  }
  const tokenizer = await loadTokenizer(folder);
  const { vocabSize, warnings } = tokenizer;
  return { readTexts: chineseClipTextReader(tokenizer, positions), vocabSize, warnings };
}

/** A tower of a folder as published on the Hugging Face hub. */
async function loadTower<Config extends TowerConfig, Params extends ParamTree>(
  tower: ClipTower<Config>,
  folder: string,
  options: Pick<LoadWeightsOptions, 'allowUnused'>,
): Promise<LoadedTower<Config, Params>> {
  const path = join(folder, 'config.json');
  const json = await readJson(path);
  return usingWeights(folder, async (file) => {
    const config = parseTowerConfig(tower, json, file.tensors.has(tower.projection), path);
    assertLayerCounts({ layers: config.layers }, file);
    const { params, report } = await readWeights<Params>(tower.shapes(config), tower.keyMap(config), file, options);
    return { config, params, report };
  });
}

/** Writes `model.safetensors` and `config.json` from which transformers loads the tower. */
async function saveTower<Config extends TowerConfig>(
  tower: ClipTower<Config>,
  folder: string,
  params: ParamTree,
  config: Config,
): Promise<void> {
  assertParamShapes(params, tower.shapes(config));
  const name = tower.kind === 'vision' ? 'CLIPVisionModel' : 'CLIPTextModel';
  const json = {
    architectures: [config.projection ? `${name}WithProjection` : name],
    model_type: `clip_${tower.kind}_model`,
    ...tower.fixed,
    ...tower.toFields(config),
    projection_dim: config.projection ?? tower.sizes.projection_dim,
    hidden_act: config.activation === 'erf' ? 'gelu' : 'quick_gelu',
    dtype: 'float32',
  };
  await saveFolder(folder, exportWeights(params, tower.keyMap(config)), json);
}
