import type { Dataset } from '@wbdc/data';
import { DisjointSets } from '@wbdc/data/web';

/**
 * The group of every video that is not alone in it, by id, as the id of its first member: what the data set says
 * (`group` of its annotations: another video of equal frames, an author, a series), joined with what else is known.
 *
 * @param more further groups by id, such as `equalFrames` of `@wbdc/data` gives
 */
export function groupsOf(
  dataset: Pick<Dataset, 'size' | 'text'>,
  more: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const sets = new DisjointSets();
  const ids: string[] = [];
  for (let i = 0; i < dataset.size; i++) {
    const { id, group } = dataset.text(i);
    ids.push(id);
    if (group !== undefined) sets.unite(id, group);
  }
  for (const [id, group] of more) sets.unite(id, group);
  const members = new Map<string, string[]>();
  for (const id of ids) {
    const root = sets.rootOf(id);
    const known = members.get(root);
    if (known) known.push(id);
    else members.set(root, [id]);
  }
  const groups = [...members.values()].filter(({ length }) => length > 1);
  return new Map(groups.flatMap((group) => group.map((id) => [id, group[0]])));
}
