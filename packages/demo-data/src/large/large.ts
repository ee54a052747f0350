import type { Video } from '@wbdc/data';
import type { DemoPlan } from '../plan.js';
import type { DemoVideo } from '../items.js';
import { corpusRecords, readDefinitions } from './definitions.js';
import { fetchPackage, type FetchPackageOptions, type PinnedPackage } from './npm-package.js';
import { strokeVideos } from './strokes.js';

/** What the large set is made from beyond the demo's packages. Its own dependencies, a server, are not installed. */
export const LARGE_PACKAGE = {
  name: 'cnchar-data',
  version: '1.1.0',
  integrity: 'sha512-yruiTj5wm5GMC3IoGGOZmadkw3rNawWK+xHRdoe2lWWEZkzS53DZ5KKAXsNZAR5Airb5ll2wc5RKVZEC5kzOJA==',
} as const satisfies PinnedPackage;
export type LargePackage = (typeof LARGE_PACKAGE)['name'];

/** What the large set has beyond the demo. */
export interface Large {
  /** Without labels. */
  readonly videos: readonly DemoVideo[];
  /** General texts by split. */
  readonly corpus: Readonly<Record<string, Video[]>>;
  readonly versions: Readonly<Record<LargePackage, string>>;
}

/** @param texts those that `corpus_near` is near to */
export async function openLarge(texts: readonly string[], options: FetchPackageOptions): Promise<Large> {
  const folder = await fetchPackage(LARGE_PACKAGE, options);
  const definitions = await readDefinitions(folder);
  const videos = await strokeVideos(folder, definitions);
  return {
    videos,
    corpus: corpusRecords(definitions, texts),
    versions: { [LARGE_PACKAGE.name]: LARGE_PACKAGE.version },
  };
}

/** Unlabelled videos more, sorted by id as all are. */
export function withUnlabelled(plan: DemoPlan, videos: readonly DemoVideo[]): DemoPlan {
  return { ...plan, unlabeled: [...plan.unlabeled, ...videos].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}
