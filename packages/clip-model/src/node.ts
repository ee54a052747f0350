import { join } from 'node:path';
import {
  assertLayerCounts,
  assertParamShapes,
  exportWeights,
  readWeights,
  type LoadWeightsOptions,
} from '@wbdc/checkpoints';
import { saveFolder, usingWeights } from '@wbdc/checkpoints/node';
import type { ParamTree } from '@wbdc/nn';
import { readJson } from '@wbdc/io';
import { VISION_TOWER } from './clip-checkpoint.js';
import { TEXT_TOWER } from './clip-text-checkpoint.js';
import type { ClipTextConfig, ClipTextParams } from './clip-text.js';
import { parseTowerConfig, type ClipTower, type LoadedTower, type TowerConfig } from './clip-tower.js';
import type { ClipVisionConfig, ClipVisionParams } from './clip-vision.js';

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
