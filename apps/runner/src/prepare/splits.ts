import { foldIn, randomKey } from '@wbdc/nn';
import { DataError } from '@wbdc/data';
import { groupBy, assignSplits } from '../layout/splits.js';
import type { Item, PreparedSplit } from './item.js';
import type { Warnings } from './warnings.js';

export interface SplitOptions {
  /** Share of the labelled videos (of all, where none is labelled) that is held out. */
  readonly heldOut: number;
  readonly seed: number;
  /** Splits of an earlier run by id: what was held out stays so. */
  readonly earlier: ReadonlyMap<string, PreparedSplit>;
}

type Side = 'learn' | 'held out';

const SIDES: Readonly<Record<string, Side>> = {
  ...Object.fromEntries(
    ['train', 'training', 'labeled', 'unlabeled', 'pretrain', '训练', '训练集'].map((name) => [name, 'learn']),
  ),
  ...Object.fromEntries(
    ['test', 'test_a', 'testing', 'val', 'valid', 'validation', 'dev', 'eval', '测试', '测试集', '验证', '验证集'].map(
      (name) => [name, 'held out'],
    ),
  ),
};

/**
 * The split of every video: labelled ones are divided by category, families stay together, what the table or an earlier run
 * says goes before. Videos without a label are learned from, unless they show what is held out or nothing is labelled.
 */
export function splitItems(
  items: readonly Item[],
  families: ReadonlyMap<Item, string>,
  options: SplitOptions,
  warnings: Warnings,
): Map<Item, PreparedSplit> {
  const anyLabel = items.some(isLabelled);
  const known = knownSides(items, families, options.earlier, warnings);
  const divided = items.filter((item) => !anyLabel || isLabelled(item));
  const sides = divide(divided, families, known, options);
  const sideOfFamily = new Map([
    ...known,
    ...Array.from(sides, ([item, side]) => [families.get(item)!, side] as const),
  ]);
  return new Map(
    items.map((item) => {
      const side = sideOfFamily.get(families.get(item)!) ?? 'learn';
      if (side === 'held out') return [item, 'test_a'];
      return [item, isLabelled(item) ? 'labeled' : 'unlabeled'];
    }),
  );
}

function isLabelled({ text }: Item): boolean {
  return text.category.length > 0;
}

function divide(
  items: readonly Item[],
  families: ReadonlyMap<Item, string>,
  known: ReadonlyMap<string, Side>,
  { heldOut, seed }: SplitOptions,
): Map<Item, Side> {
  const key = foldIn(randomKey(seed), 'prepare splits');
  const shares = { learn: 1 - heldOut, 'held out': heldOut };
  const units = (stratumOf: (item: Item) => string) =>
    items.map((item) => ({ item, family: families.get(item)!, stratum: stratumOf(item) }));
  const assign = (stratumOf: (item: Item) => string): Map<Item, Side> => {
    const sides = assignSplits(units(stratumOf), { shares, key, known, carry: true });
    return new Map(Array.from(sides, ([{ item }, side]) => [item, side]));
  };
  const stratified = assign(({ text }) => text.category.join('/'));
  if (heldOut === 0 || [...stratified.values()].includes('held out')) return stratified;
  // Every category has a single family: hold some out all the same, as without any nothing can be measured.
  return withOneHeldOut(
    assign(() => ''),
    families,
    known,
  );
}

function withOneHeldOut(
  sides: Map<Item, Side>,
  families: ReadonlyMap<Item, string>,
  known: ReadonlyMap<string, Side>,
): Map<Item, Side> {
  if ([...sides.values()].includes('held out')) return sides;
  const groups = groupBy(sides.keys(), (item) => families.get(item)!);
  const free = [...groups].filter(([family]) => !known.has(family));
  if (groups.size < 2 || free.length === 0) return sides;
  for (const item of free.at(-1)![1]) sides.set(item, 'held out');
  return sides;
}

/** What the table says, then what an earlier run decided. A family with both sides is held out. */
function knownSides(
  items: readonly Item[],
  families: ReadonlyMap<Item, string>,
  earlier: SplitOptions['earlier'],
  warnings: Warnings,
): Map<string, Side> {
  const sides = new Map<string, Side>();
  const note = (item: Item, side: Side | undefined): void => {
    const family = families.get(item)!;
    if (side === 'held out' || (side === 'learn' && !sides.has(family))) sides.set(family, side);
  };
  for (const item of items) {
    const before = earlier.get(item.id);
    const { split } = item.text;
    if (split === undefined) note(item, before && (before === 'test_a' ? 'held out' : 'learn'));
  }
  for (const item of items) {
    const { split } = item.text;
    if (split === undefined) continue;
    const side = SIDES[split.toLowerCase()];
    if (side === undefined)
      warnings.add(
        'bad row',
        new DataError(
          `${item.source.name}: expected a split such as train or test, got '${split}': it is divided like the others`,
        ).message,
      );
    note(item, side);
  }
  return sides;
}
