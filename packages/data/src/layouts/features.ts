import { joinLocation } from '@wbdc/io/remote';

/** Paths of stored frame features, one store a split. */
export interface FeatureLayout {
  readonly root: string;
  /** `<split>.zip`: `<id>.npy` of each video; see {@link openFeatureStore}. */
  store(split: string): string;
  /** `<split>.skipped.tsv`: ids of videos without features, with the reason; see {@link readSkipped}. */
  skipped(split: string): string;
}

/** The paths of feature stores in a folder, or below an address (`https://`, `s3://`). Nothing is read or made. */
export function featureLayout(root: string): FeatureLayout {
  return {
    root,
    store: (split) => joinLocation(root, `${split}.zip`),
    skipped: (split) => joinLocation(root, `${split}.skipped.tsv`),
  };
}
