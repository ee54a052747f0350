import { featureLayout } from '@wbdc/data';
import { describeFeatures, readSplitIds, type FeatureFolders, type SplitFeatures } from '@wbdc/pipeline/features';
import type { Artifact, JsonObject, StageContext } from '../stage.js';
import { allSplits, dataRoot } from './data-root.js';

type Place = Pick<StageContext, 'config' | 'upstream' | 'output'>;

/** The store with a split's frame features in a folder of the features stage. */
export function featureStorePath(folder: string, split: string): string {
  return featureLayout(folder).store(split);
}

/** The ids of a split in the order of its annotations. */
export function listIds(context: Place, split: string): Promise<string[]> {
  return readSplitIds(dataRoot(context), split, context.config.data.maxBadShare);
}

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
