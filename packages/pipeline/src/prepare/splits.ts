import { splitVideos, type SplitVideosOptions, type WbdcSplit } from '@wbdc/data';
import type { Item } from './item.js';
import type { Warnings } from './warnings.js';

/** The split of every item, given its group. */
export function splitItems(
  items: readonly Item[],
  groups: ReadonlyMap<Item, string>,
  options: Omit<SplitVideosOptions, 'onBad'>,
  warnings: Warnings,
): Map<Item, WbdcSplit> {
  const candidates = items.map((item) => {
    const { id, source, text } = item;
    return { item, id, name: source.name, group: groups.get(item)!, category: text.category, split: text.split };
  });
  const splits = splitVideos(candidates, { ...options, onBad: ({ message }) => warnings.add('bad row', message) });
  return new Map(Array.from(splits, ([{ item }, split]) => [item, split]));
}
