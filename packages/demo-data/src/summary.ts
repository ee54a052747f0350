import type { DemoVideo } from './items.js';
import type { DemoPlan } from './plan.js';
import type { LargePackage } from './large/large.js';
import type { SourcePackage } from './sources.js';
import { DEMO_SPLITS } from './splits.js';
import type { DemoSplit } from './splits.js';

export interface SplitSummary {
  /** Emoji, skin variants not counted. */
  readonly items: number;
  readonly videos: number;
  readonly frames: number;
  /** Level-2 categories that occur. */
  readonly categories: number;
}

/** What was built; the same stands in `summary.json`. */
export interface DemoSummary {
  readonly seed: number;
  readonly imageSize: number;
  readonly videos: number;
  readonly frames: number;
  /** Bytes of all frames, encoded. */
  readonly imageBytes: number;
  /** Lines of `tag_list.txt`. */
  readonly tags: number;
  readonly categories: number;
  readonly splits: Readonly<Record<DemoSplit, SplitSummary>>;
  /** Versions of the packages the data come from. */
  readonly sources: Readonly<Record<SourcePackage, string> & Partial<Record<LargePackage, string>>>;
}

type Settings = Pick<DemoSummary, 'seed' | 'imageSize' | 'imageBytes' | 'tags' | 'sources'>;

/** Counts a plan. */
export function summarize(plan: DemoPlan, { seed, imageSize, imageBytes, tags, sources }: Settings): DemoSummary {
  const videos = DEMO_SPLITS.flatMap((split) => plan[split]);
  const { frames, categories } = summarizeSplit(videos);
  const splits = Object.fromEntries(DEMO_SPLITS.map((split) => [split, summarizeSplit(plan[split])]));
  return {
    ...{ seed, imageSize, videos: videos.length, frames, imageBytes, tags, categories },
    splits: splits as Record<DemoSplit, SplitSummary>,
    sources,
  };
}

function summarizeSplit(videos: readonly DemoVideo[]): SplitSummary {
  return {
    items: new Set(videos.map(({ baseKey }) => baseKey)).size,
    videos: videos.length,
    frames: videos.reduce((sum, { drawings }) => sum + drawings.length, 0),
    categories: new Set(videos.map(({ categoryId }) => categoryId)).size,
  };
}
