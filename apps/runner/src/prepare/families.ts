import { findAlike } from '@wbdc/data';
import { groupBy } from '../layout/splits.js';
import type { Item } from './item.js';
import type { Warnings } from './warnings.js';

/** Bits of 256 in which two videos may differ and still show the same: another format or size moves a few. */
const DISTANCE = 10;
/** Names that a warning lists. */
const LISTED = 10;

/**
 * Families: videos that show the same pictures, or that the table puts into one group, which therefore must stand on one side
 * of a split. The family of every item, by the id or the group's name that comes first.
 */
export function familiesOf(items: readonly Item[], warnings: Warnings): Map<Item, string> {
  const alike = new Groups();
  const pairs = findAlike(
    items.map(({ decoded }) => fingerprint(decoded.look)),
    DISTANCE,
  );
  for (const [a, b] of [...pairs, ...equalHashes(items)]) alike.unite(items[a].id, items[b].id);
  for (const group of groupBy(items, ({ id }) => alike.rootOf(id)).values())
    if (group.length > 1) tell(group, warnings);
  for (const { id, text } of items) if (text.group !== undefined) alike.unite(id, `group ${text.group}`);
  return new Map(items.map((item) => [item, alike.rootOf(item.id)]));
}

/** Names that belong together (union-find). */
class Groups {
  private readonly parents = new Map<string, string>();

  rootOf(name: string): string {
    let root = name;
    for (let parent = this.parents.get(root); parent !== undefined; parent = this.parents.get(root)) root = parent;
    if (root !== name) this.parents.set(name, root);
    return root;
  }

  unite(a: string, b: string): void {
    const [first, second] = [this.rootOf(a), this.rootOf(b)].sort();
    if (first !== second) this.parents.set(second, first);
  }
}

function tell(group: readonly Item[], warnings: Warnings): void {
  const names = group
    .slice(0, LISTED)
    .map(({ source }) => source.name)
    .join(' = ');
  const more = group.length > LISTED ? ` = ${group.length - LISTED} more` : '';
  warnings.add('alike', names + more);
  const categories = new Set(group.map(({ text }) => text.category.join('/')).filter(Boolean));
  if (categories.size > 1)
    warnings.add('same pictures, other category', `${names}${more}: ${[...categories].join(', ')}`);
}

/** Pairs with the same frames to the byte: pictures may be too flat for their looks to tell. */
function equalHashes(items: readonly Item[]): [number, number][] {
  const first = new Map<string, number>();
  return items.flatMap(({ decoded: { hash } }, i): [number, number][] => {
    const before = first.get(hash);
    if (before === undefined) first.set(hash, i);
    return before === undefined ? [] : [[before, i]];
  });
}

function fingerprint(look: string): Uint16Array {
  return Uint16Array.from({ length: look.length / 4 }, (_, i) => parseInt(look.slice(4 * i, 4 * i + 4), 16));
}
