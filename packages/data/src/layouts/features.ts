import { join } from 'node:path';

/** Paths of stored frame features, one store a split. */
export interface FeatureLayout {
  readonly root: string;
  /** `<split>.zip`: `<id>.npy` of each video; see {@link openFeatureStore}. */
  store(split: string): string;
  /** `<split>.skipped.tsv`: ids of videos without features, with the reason; see {@link readSkipped}. */
  skipped(split: string): string;
}

/** The paths of feature stores in a folder. Nothing is read or made. */
export function featureLayout(root: string): FeatureLayout {
  return {
    root,
    store: (split) => join(root, `${split}.zip`),
    skipped: (split) => join(root, `${split}.skipped.tsv`),
  };
}
