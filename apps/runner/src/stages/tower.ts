import { join } from 'node:path';
import { readParams } from '@wbdc/checkpoints';
import { usingWeights } from '@wbdc/checkpoints/node';
import { clipVision, clipVisionShapes, type ClipVisionParams } from '@wbdc/clip-model';
import { loadClipVision } from '@wbdc/clip-model/node';
import { createExtractor, type FeatureExtractor, type VisionTower } from '@wbdc/pipeline/features';
import { findCheckpoint } from '@wbdc/train/node';
import { modelFolder } from '../published-model.js';
import type { Artifact, StageContext } from '../stage.js';
import { visionConfigOf } from '@wbdc/pipeline';

/** An extractor of features, and where its tower was read. */
export interface Extractor extends FeatureExtractor {
  readonly read: Artifact;
}

/** The tower that the clip stage has trained, or a published one. */
export async function loadExtractor(context: StageContext): Promise<Extractor> {
  const { path, ...tower } = await loadTower(context);
  const extractor = await createExtractor(tower, context.config.features);
  return { ...extractor, read: { path, about: `vision tower of width ${tower.tower.config.width}` } };
}

async function loadTower(context: StageContext): Promise<VisionTower & { readonly path: string }> {
  const { config, upstream } = context;
  if (config.features.tower !== null) {
    const path = await modelFolder('features.tower', config.features.tower, context);
    const { config: sizes, params } = await loadClipVision(path);
    return { tower: clipVision(sizes), params, path };
  }
  const path = await findCheckpoint(join(upstream('clip'), 'checkpoints'));
  const tower = clipVision(visionConfigOf(config.clip));
  const params = await usingWeights(join(path, 'model.safetensors'), (file) =>
    readParams<ClipVisionParams>(clipVisionShapes(tower.config), file, 'vision.'),
  );
  return { tower, params, path };
}
