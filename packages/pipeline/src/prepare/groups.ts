import { groupVideos } from '@wbdc/data';
import type { Item } from './item.js';
import type { Warnings } from './warnings.js';

/** Names that a warning lists. */
const LISTED = 10;

/**
 * The group of every item: videos with the same pictures, or of one group of the table, stay on one side of a split.
 */
export function groupItems(items: readonly Item[], warnings: Warnings): Map<Item, string> {
  const videos = items.map((item) => {
    const { id, decoded, text } = item;
    return { item, id, hash: decoded.hash, fingerprint: parseLook(decoded.look), group: text.group };
  });
  const { groups, alike } = groupVideos(videos);
  const itemsAlike = alike.map((same) => same.map(({ item }) => item));
  for (const same of itemsAlike) warn(same, warnings);
  return new Map(videos.map((video) => [video.item, groups.get(video)!]));
}

function warn(alike: readonly Item[], warnings: Warnings): void {
  const names = alike
    .slice(0, LISTED)
    .map(({ source }) => source.name)
    .join(' = ');
  const more = alike.length > LISTED ? ` = ${alike.length - LISTED} more` : '';
  warnings.add('alike', names + more);
  const categories = new Set(alike.map(({ text }) => text.category.join('/')).filter(Boolean));
  if (categories.size > 1)
    warnings.add('same pictures, other category', `${names}${more}: ${[...categories].join(', ')}`);
}

function parseLook(look: string): Uint16Array {
  return Uint16Array.from({ length: look.length / 4 }, (_, i) => parseInt(look.slice(4 * i, 4 * i + 4), 16));
}
