import { createExtractor, type FeatureExtractor } from '@wbdc/pipeline/features';
import { openTower } from '@wbdc/pipeline/node';
import { modelFolder } from '../core/published-model.js';
import type { Artifact, StageContext } from '../run/stage.js';

/** An extractor of features, and where its tower was read. */
export interface Extractor extends FeatureExtractor {
  readonly read: Artifact;
}

/** The tower that the clip stage has trained, or a published one. */
export async function loadExtractor(context: StageContext): Promise<Extractor> {
  const { config, upstream } = context;
  const named = config.features.tower;
  const folder = named === null ? upstream('clip') : await modelFolder('features.tower', named, context);
  const { where, ...tower } = await openTower(folder);
  const extractor = await createExtractor(tower, config.features);
  return { ...extractor, read: { path: where, about: `vision tower of width ${tower.tower.config.width}` } };
}
