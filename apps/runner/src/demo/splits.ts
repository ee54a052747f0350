import { foldIn, permutation, randomKey } from '@wbdc/nn';
import type { DemoItem } from './items.js';

/** The splits under their official names; `test_a` is the held-out one. */
export const DEMO_SPLITS = ['unlabeled', 'labeled', 'test_a'] as const;
export type DemoSplit = (typeof DEMO_SPLITS)[number];

/** Share of the items of every category that each split receives. */
export const DEMO_SHARES: Readonly<Record<DemoSplit, number>> = { unlabeled: 0.6, labeled: 0.25, test_a: 0.15 };

/**
 * Gives every item a split, category by category: the families of a category come in random order, each goes to the
 * split that is furthest below its share. So small categories are spread as evenly as whole families allow, and a
 * category is held out only if it is labelled too (ties go to the earlier split).
 */
export function assignSplits(items: readonly DemoItem[], seed: number): Map<DemoItem, DemoSplit> {
  const key = foldIn(randomKey(seed), 'demo splits');
  const splits = new Map<DemoItem, DemoSplit>();
  for (const [category, families] of groupFamilies(items)) {
    const counts: Record<DemoSplit, number> = { unlabeled: 0, labeled: 0, test_a: 0 };
    for (const index of permutation(foldIn(key, category), families.length)) {
      const split = neediest(counts, families[index].length);
      counts[split] += families[index].length;
      for (const item of families[index]) splits.set(item, split);
    }
  }
  return splits;
}

function neediest(counts: Readonly<Record<DemoSplit, number>>, coming: number): DemoSplit {
  const total = coming + DEMO_SPLITS.reduce((sum, split) => sum + counts[split], 0);
  const deficit = (split: DemoSplit): number => DEMO_SHARES[split] * total - counts[split];
  return DEMO_SPLITS.reduce((best, split) => (deficit(split) > deficit(best) ? split : best));
}

/** Category -> its families. A family that spans categories counts in the category of its first item. */
function groupFamilies(items: readonly DemoItem[]): Map<string, DemoItem[][]> {
  const families = groupBy(items, ({ family }) => family);
  return groupBy([...families.values()], ([first]) => first.categoryId);
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

/** Values by key, keys in order of first occurrence. */
export function groupBy<K, V>(values: Iterable<V>, keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
