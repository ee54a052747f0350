import { WbdcError } from '@wbdc/io/errors';
import { groupBy } from '../group-by.js';
import type { CategoryName, CategoryNames } from './names.js';

/** Categories with their ids. */
export interface NumberedCategories {
  readonly names: CategoryNames;
  /** The 4-digit id of a category, given as its one or two levels. */
  idOf(path: readonly string[]): string;
}

/** Ids of two digits. */
const MOST = 100;

/**
 * Numbers categories like the official ids: two digits for level 1, two for level 2 within it, in the order of their
 * names. Those that `known` has keep their numbers, so that later runs only add. Names that are all ids of 4 digits
 * already stay as they are. More than a hundred categories of a single level get four running digits, whose first two
 * then mean nothing.
 *
 * @throws WbdcError when there are more categories than four digits hold
 */
export function numberCategories(paths: Iterable<readonly string[]>, known: CategoryNames = {}): NumberedCategories {
  const distinct = [...new Map([...paths].map((path) => [keyOf(path), path])).values()];
  distinct.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const ids = new Map(
    Object.entries(known).map(([id, { group, subgroup }]) => [keyOf(pathOf(group.key, subgroup.key)), id]),
  );
  const fresh = distinct.filter((path) => !ids.has(keyOf(path)));
  for (const [path, id] of numbersFor(distinct, fresh, ids)) ids.set(keyOf(path), id);
  const names = Object.fromEntries(
    [...ids]
      .map(([key, id]): [string, CategoryName] => [id, nameOf(key.split('\n'))])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return { names, idOf: (path) => ids.get(keyOf(path))! };
}

function numbersFor(
  all: readonly (readonly string[])[],
  fresh: readonly (readonly string[])[],
  ids: ReadonlyMap<string, string>,
): (readonly [readonly string[], string])[] {
  const taken = new Set(ids.values());
  const official = all.length > 0 && all.every((path) => path.length === 1 && /^\d{4}$/.test(path[0]));
  if (official) return fresh.map((path) => [path, path[0]]);
  const groups = new Set(all.map(([first]) => first)).size;
  const flat = all.every((path) => path.length === 1);
  if (flat && groups > MOST) return numberFlat(fresh, taken);
  if (groups > MOST) throw tooMany(`at most ${MOST} on level 1`, String(groups));
  return numberPairs(fresh, ids);
}

function numberFlat(fresh: readonly (readonly string[])[], taken: Set<string>) {
  let next = 0;
  return fresh.map((path) => {
    while (taken.has(digits(next, 4))) next++;
    if (next >= MOST * MOST) throw tooMany(`at most ${MOST * MOST}`, 'more');
    const id = digits(next++, 4);
    return [path, id] as const;
  });
}

function numberPairs(fresh: readonly (readonly string[])[], ids: ReadonlyMap<string, string>) {
  const groupNumbers = new Map([...ids].map(([key, id]) => [key.split('\n')[0], Number(id.slice(0, 2))]));
  const used = new Set(groupNumbers.values());
  const numbered: (readonly [readonly string[], string])[] = [];
  for (const [name, paths] of groupBy(fresh, ([first]) => first)) {
    const group = groupNumbers.get(name) ?? firstFree(used, 'on level 1');
    used.add(group);
    const taken = new Set(
      [...ids.values()].filter((id) => Number(id.slice(0, 2)) === group).map((id) => Number(id.slice(2))),
    );
    for (const path of paths) {
      const number = firstFree(taken, `within '${name}'`);
      taken.add(number);
      numbered.push([path, digits(group, 2) + digits(number, 2)]);
    }
  }
  return numbered;
}

function firstFree(used: ReadonlySet<number>, where: string): number {
  let number = 0;
  while (used.has(number)) number++;
  if (number < MOST) return number;
  throw tooMany(`at most ${MOST} ${where}`, 'more');
}

function tooMany(expected: string, got: string): WbdcError {
  return new WbdcError({ where: 'categories', expected, got, advice: 'give one level, or fewer names' });
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

function keyOf(path: readonly string[]): string {
  return path.join('\n');
}

function pathOf(group: string, subgroup: string): string[] {
  return subgroup === '' ? [group] : [group, subgroup];
}

function nameOf([group, subgroup = '']: readonly string[]): CategoryName {
  const name = (text: string) => ({ key: text, zh: text, en: text });
  return { group: name(group), subgroup: name(subgroup) };
}
