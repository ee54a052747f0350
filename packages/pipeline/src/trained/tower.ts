import { assertLayerCounts, readParams, readWeights } from '@wbdc/checkpoints';
import {
  clipVision,
  clipVisionKeyMap,
  clipVisionShapes,
  parseClipVisionConfig,
  type ClipVision,
  type ClipVisionConfig,
  type ClipVisionParams,
} from '@wbdc/clip-model';
import {
  CLIP_PREPROCESSING,
  parameterBytes,
  recipeDifferences,
  recipeOf,
  type FeatureRecipe,
  type Preprocessing,
} from '@wbdc/video-features/plain';
import { parseSavedModel, upgradeSavedModel } from '../saved/saved-model.js';
import { TrainedError } from './errors.js';
import { CONFIG_FILE, WEIGHTS_FILE, pathOf, type ModelFiles } from './model-files.js';
import { parseJson } from './read-model.js';

/** A vision tower with its weights. */
export interface Tower {
  readonly where: string;
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
}

/** SHA-256 of all chunks, hexadecimal. */
export type Sha256 = (chunks: AsyncIterable<Uint8Array>) => Promise<string>;

/** The vision tower of a checkpoint of CLIP training, or of a CLIP as published on the Hugging Face hub. */
export async function readTower(files: ModelFiles): Promise<Tower> {
  const where = pathOf(files, CONFIG_FILE);
  const text = await files.readText(CONFIG_FILE);
  if (text === undefined) {
    throw new TrainedError({ where, expected: 'a vision tower', got: 'no such file', code: 'tower-missing' });
  }
  const json = parseJson(text, where);
  const isOwn = 'version' in Object(upgradeSavedModel(json));
  const { config, params } = isOwn ? await readOwn(files, json) : await readPublished(files, json);
  return { where: files.where, tower: clipVision(config), params };
}

interface ReadTower {
  readonly config: ClipVisionConfig;
  readonly params: ClipVisionParams;
}

async function readOwn(files: ModelFiles, json: unknown): Promise<ReadTower> {
  const where = pathOf(files, CONFIG_FILE);
  const saved = parseSavedModel(json, where);
  if (saved.kind !== 'clip') {
    const got = `a '${saved.kind}' model`;
    throw new TrainedError({ where, expected: 'a vision tower', got, code: 'tower-foreign' });
  }
  const { vision: config } = saved;
  const weights = await files.openWeights(WEIGHTS_FILE);
  try {
    assertLayerCounts({ layers: config.layers }, weights);
    return { config, params: await readParams<ClipVisionParams>(clipVisionShapes(config), weights, 'vision.') };
  } finally {
    await weights.close();
  }
}

async function readPublished(files: ModelFiles, json: unknown): Promise<ReadTower> {
  const weights = await files.openWeights();
  try {
    const hasProjection = weights.tensors.has('visual_projection.weight');
    const config = parseClipVisionConfig(json, hasProjection, pathOf(files, CONFIG_FILE));
    assertLayerCounts({ layers: config.layers }, weights);
    const { params } = await readWeights<ClipVisionParams>(clipVisionShapes(config), clipVisionKeyMap(config), weights);
    return { config, params };
  } finally {
    await weights.close();
  }
}

/** How a tower makes the features that a model reads. */
export interface FeatureRule {
  readonly preprocessing: Preprocessing;
  readonly output: 'pooled' | 'projected';
}

/**
 * How a tower makes a model's features: as those were that it learned from, where that is known, else as CLIP does.
 *
 * @throws TrainedError `tower-other` where it cannot make them
 */
export async function featureRule(
  { tower, params, where }: Tower,
  model: { readonly recipe: FeatureRecipe | undefined; readonly frameSize: number; readonly where: string },
  sha256: Sha256,
): Promise<FeatureRule> {
  const { recipe, frameSize } = model;
  const { imageSize, width, projection } = tower.config;
  const { output = 'pooled', preprocessing = { ...CLIP_PREPROCESSING, imageSize } } = recipe ?? {};
  if (recipe !== undefined) {
    const hash = await sha256(parameterBytes(params));
    assertSameFeatures(recipe, recipeOf({ ...recipe, tower }, hash), where);
  }
  const got = output === 'projected' ? projection : width;
  if (got === frameSize) return { preprocessing, output };
  throw new TrainedError({
    where,
    expected: `the vision tower whose features ${model.where} learned from, of ${frameSize} values`,
    got: `one of ${got ?? 'no'} values`,
    code: 'tower-other',
  });
}

function assertSameFeatures(recipe: FeatureRecipe, own: FeatureRecipe, where: string): void {
  const different = recipeDifferences(explicit(recipe), explicit(own));
  if (different.length === 0) return;
  throw new TrainedError({
    where,
    expected: 'the vision tower whose features the model learned from',
    got: ['another:', ...different.map((line) => `  ${line}`)].join('\n'),
    code: 'tower-other',
  });
}

/**
 * A default that one writer of a tower's sizes leaves out and another one does not; and what says nothing of a tower:
 * the order of frames, which models of before do not name, and in what it computed, as that is near enough.
 */
function explicit({ tower, dtype: _, ...recipe }: FeatureRecipe): unknown {
  return { ...recipe, frameOrder: 'natural', tower: { activation: 'quick', ...tower } };
}
