import type { ClipVision, ClipVisionParams } from '@wbdc/clip-model';
import { WbdcError } from '@wbdc/io/errors';
import {
  CLIP_PREPROCESSING,
  featureRecipe,
  type FeatureRecipe,
  type Preprocessing,
  type Sampling,
} from '@wbdc/video-features';
import type { FeatureSettings } from '../settings/frames.js';

/** A vision tower with its weights. */
export interface VisionTower {
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
}

/** A vision tower, and all that decides what its features look like. */
export interface FeatureExtractor extends VisionTower {
  readonly preprocessing: Preprocessing;
  readonly sampling: Sampling;
  readonly output: 'pooled' | 'projected';
  readonly recipe: FeatureRecipe;
  /** Dv: the tower's width, or that of its projection. */
  readonly width: number;
}

/** Of the settings of features: those that decide what they look like. */
export type ExtractorSettings = Pick<FeatureSettings, 'output' | 'statistics' | 'resizer' | 'sampling'> &
  Partial<Pick<FeatureSettings, 'resize'>>;

/**
 * A tower as an extractor of features.
 *
 * @throws WbdcError when projected features are asked for and the tower has no projection
 */
export async function createExtractor(
  { tower, params }: VisionTower,
  { output, statistics, resizer, resize = null, sampling }: ExtractorSettings,
): Promise<FeatureExtractor> {
  const { width, projection, imageSize } = tower.config;
  if (output === 'projected' && !projection) {
    const expected = 'pooled for a tower without a projection';
    throw new WbdcError({ where: 'features.output', expected, got: output });
  }
  if (resize !== null && resize < imageSize) {
    const expected = `at least the tower's ${imageSize} pixels`;
    throw new WbdcError({ where: 'features.resize', expected, got: String(resize) });
  }
  const settings = {
    tower,
    params,
    preprocessing: { ...CLIP_PREPROCESSING, imageSize, ...(resize !== null && { resize }), statistics, resizer },
    sampling,
    output,
  };
  return {
    ...settings,
    recipe: await featureRecipe(settings),
    width: output === 'projected' ? projection! : width,
  };
}
