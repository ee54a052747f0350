import { groupBy, stratifiedGroupSplit } from '@wbdc/data';
import { foldIn, randomKey } from '@wbdc/nn';
import type { DemoItem } from './items.js';

/** The splits under their official names; `test_a` is the held-out one. */
export const DEMO_SPLITS = ['unlabeled', 'labeled', 'test_a'] as const;
export type DemoSplit = (typeof DEMO_SPLITS)[number];

/** Share of the items of every category that each split receives. */
export const DEMO_SHARES: Readonly<Record<DemoSplit, number>> = { unlabeled: 0.6, labeled: 0.25, test_a: 0.15 };

/** Every category's families over the splits. */
export function splitItems(items: readonly DemoItem[], seed: number): Map<DemoItem, DemoSplit> {
  const key = foldIn(randomKey(seed), 'demo splits');
  return stratifiedGroupSplit(items, {
    shares: DEMO_SHARES,
    key,
    groupOf: ({ family }) => family,
    stratumOf: ({ categoryId }) => categoryId,
  });
}

/**
 * A small part of the items for tests and quick looks: at most six of a category, so that all splits occur, the first
 * category of every group before the second ones.
 */
export function sliceItems(items: readonly DemoItem[], count: number): DemoItem[] {
  const place = (id: string): string => id.slice(2) + id.slice(0, 2);
  const byCategory = [...groupBy(items, ({ categoryId }) => categoryId)];
  byCategory.sort(([a], [b]) => (place(a) < place(b) ? -1 : 1));
  const chosen = new Set(byCategory.flatMap(([, members]) => members.slice(0, 6)).slice(0, count));
  return items.filter((item) => chosen.has(item));
}
