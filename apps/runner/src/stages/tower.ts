import { join } from 'node:path';
import { foldIn, randomKey } from '@wbdc/nn';
import { findCheckpoint, loadParams } from '@wbdc/train/node';
import {
  CLIP_PREPROCESSING,
  featureRecipe,
  type FeatureRecipe,
  type Preprocessing,
  type Sampling,
} from '@wbdc/video-features';
import { clipVision, type ClipVision, type ClipVisionParams } from '@wbdc/clip-model';
import { loadClipVision } from '@wbdc/clip-model/node';
import { modelFolder } from '../published-model.js';
import { UserError } from '../errors.js';
import type { Artifact, StageContext } from '../stage.js';
import { visionConfigOf } from '@wbdc/pipeline';

/** A vision tower, and all that decides what its features look like. */
export interface Extractor {
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
  readonly preprocessing: Preprocessing;
  readonly sampling: Sampling;
  readonly output: 'pooled' | 'projected';
  readonly recipe: FeatureRecipe;
  /** Dv */
  readonly width: number;
  readonly read: Artifact;
}

/** The tower that the clip stage has trained, or a published one. */
export async function loadExtractor(context: StageContext): Promise<Extractor> {
  const { statistics, resizer, sampling, output } = context.config.features;
  const { tower, params, path } = await loadTower(context);
  const { width, projection, imageSize } = tower.config;
  if (output === 'projected' && !projection) {
    throw new UserError(`features.output: ${path} has no projection: expected pooled, got projected`);
  }
  const preprocessing = { ...CLIP_PREPROCESSING, imageSize, statistics, resizer };
  const made = { tower, params, preprocessing, sampling, output };
  return {
    ...made,
    recipe: await featureRecipe(made),
    width: output === 'projected' ? projection! : width,
    read: { path, about: `vision tower of width ${width}` },
  };
}

interface Loaded {
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
  readonly path: string;
}

async function loadTower(context: StageContext): Promise<Loaded> {
  const { config, upstream } = context;
  if (config.features.tower !== null) {
    const path = await modelFolder('features.tower', config.features.tower, context);
    const { config: sizes, params } = await loadClipVision(path);
    return { tower: clipVision(sizes), params, path };
  }
  const path = await findCheckpoint(join(upstream('clip'), 'checkpoints'));
  const tower = clipVision(visionConfigOf(config.clip));
  const params = tower.init(foldIn(randomKey(0), 'overwritten'));
  await loadParams(join(path, 'model.safetensors'), params, 'vision.');
  return { tower, params, path };
}
