import { countTags, evenStride } from '@wbdc/data';
import type { TagCount } from '@wbdc/data';
import type { DemoItem, DemoVideo } from './items.js';
import { splitItems, DEMO_SPLITS } from './splits.js';
import type { DemoSplit } from './splits.js';

/** What a build will write: the videos of each split in their final order. */
export type DemoPlan = Readonly<Record<DemoSplit, readonly DemoVideo[]>>;

export interface PlanOptions {
  readonly seed: number;
  /** Most skin variants per item; they are taken evenly from those that exist, and only unlabelled items have any. */
  readonly variants: number;
}

/** Splits the items and takes their videos, sorted by id so that neighbours are unrelated as in the official files. */
export function planDemo(items: readonly DemoItem[], { seed, variants }: PlanOptions): DemoPlan {
  const splits = splitItems(items, seed);
  const videosOf = (split: DemoSplit): DemoVideo[] =>
    items
      .filter((item) => splits.get(item) === split)
      .flatMap(({ videos: [base, ...skins] }) => [base, ...(split === 'unlabeled' ? takeEvenly(skins, variants) : [])])
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  return Object.fromEntries(DEMO_SPLITS.map((split) => [split, videosOf(split)])) as Record<DemoSplit, DemoVideo[]>;
}

function takeEvenly<T>(values: readonly T[], limit: number): T[] {
  return Array.from(evenStride(values.length, limit), (index) => values[index]);
}

/**
 * Tags of the training splits, most frequent first, as the official `tag_list.txt` orders them. Skin variants repeat
 * their item's tags, so only items count; tags of fewer than `minItems` items could not be learnt and are left out.
 */
export function rankTags(plan: DemoPlan, minItems: number): TagCount[] {
  const items = [...plan.unlabeled, ...plan.labeled].filter(({ key, baseKey }) => key === baseKey);
  return countTags(items).filter(({ count }) => count >= minItems);
}
