import { foldIn, permutation, type Key } from '@wbdc/nn';

/** What is to stand in one split. */
export interface SplitItem {
  /** Items of one family are alike and must not be parted. */
  readonly family: string;
  /** What every split gets its share of: the category. */
  readonly stratum: string;
}

export interface SplitRule<S extends string> {
  /** Share of every stratum that each split receives; the first split is the one that is learned from. */
  readonly shares: Readonly<Record<S, number>>;
  readonly key: Key;
  /** Families whose split is decided already. */
  readonly known?: ReadonlyMap<string, S>;
  /**
   * Small strata make up for each other: what one gave too little, the next gives. A stratum's first family still goes to
   * the first split, so that nothing is held out that was never learned.
   */
  readonly carry?: boolean;
}

/**
 * Gives every item a split, stratum by stratum: the families of a stratum come in random order, each goes to the split that
 * is furthest below its share. So small strata are spread as evenly as whole families allow, and a category is held out
 * only if it is labelled too (ties go to the earlier split).
 */
export function assignSplits<I extends SplitItem, S extends string>(
  items: readonly I[],
  { shares, key, known = new Map(), carry = false }: SplitRule<S>,
): Map<I, S> {
  const names = Object.keys(shares) as S[];
  const splits = new Map<I, S>();
  let counts = zeros(names);
  for (const [stratum, families] of groupFamilies(items)) {
    if (!carry) counts = zeros(names);
    const place = (family: readonly I[], split: S): void => {
      counts[split] += family.length;
      for (const item of family) splits.set(item, split);
    };
    const decided = (family: readonly I[]): S | undefined => known.get(family[0].family);
    let learned = !carry;
    for (const family of families.filter(decided)) {
      learned ||= decided(family) === names[0];
      place(family, decided(family)!);
    }
    for (const index of permutation(foldIn(key, stratum), families.length)) {
      const family = families[index];
      if (decided(family)) continue;
      place(family, learned ? neediest(counts, shares, names, family.length) : names[0]);
      learned = true;
    }
  }
  return splits;
}

function zeros<S extends string>(names: readonly S[]): Record<S, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<S, number>;
}

function neediest<S extends string>(
  counts: Readonly<Record<S, number>>,
  shares: Readonly<Record<S, number>>,
  names: readonly S[],
  coming: number,
): S {
  const total = coming + names.reduce((sum, name) => sum + counts[name], 0);
  const deficit = (name: S): number => shares[name] * total - counts[name];
  return names.reduce((best, name) => (deficit(name) > deficit(best) ? name : best));
}

/** Stratum -> its families. A family that spans strata counts in that of its first item. */
function groupFamilies<I extends SplitItem>(items: readonly I[]): Map<string, I[][]> {
  const families = groupBy(items, ({ family }) => family);
  return groupBy([...families.values()], ([first]) => first.stratum);
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
