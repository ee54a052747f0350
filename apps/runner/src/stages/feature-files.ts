import { describeFeatures, type FeatureFolders, type SplitFeatures } from '@wbdc/pipeline/features';
import type { Artifact, JsonObject, StageContext } from '../run/stage.js';
import { allSplits } from '@wbdc/pipeline/settings';
import { dataRoot } from './data-root.js';

type Place = Pick<StageContext, 'config' | 'upstream' | 'output'>;

/** The data set, and the folder of its features. */
export function featureFolders(context: Place, out: string): FeatureFolders {
  const { data } = context.config;
  return { root: dataRoot(context), splits: allSplits(data), out, maxBadShare: data.maxBadShare };
}

export function countsOf({ videos, skipped }: SplitFeatures): JsonObject {
  return { videos, skipped };
}

export function artifactOf(features: SplitFeatures): Artifact {
  return { path: features.path, about: describeFeatures(features) };
}
