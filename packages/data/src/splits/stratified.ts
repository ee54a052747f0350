import { foldIn, permutation, type Key } from '@wbdc/nn/plain';
import { groupBy } from '../group-by.js';

export interface StratifiedSplitOptions<T, S extends string> {
  /** Share of every stratum that each split receives, the training split first. */
  readonly shares: Readonly<Record<S, number>>;
  readonly key: Key;
  /** Items of one group are alike and stay in one split. */
  readonly groupOf: (item: T) => string;
  /** What every split gets its share of: the category. */
  readonly stratumOf: (item: T) => string;
  /** Groups whose split is decided already. */
  readonly known?: ReadonlyMap<string, S>;
  /**
   * Small strata make up for each other: what one gave too little, the next gives. A stratum's first group still goes
   * to the training split, so that no category is held out that is not in training.
   */
  readonly carry?: boolean;
}

/**
 * A stratified split that keeps groups whole (cf. scikit-learn's `StratifiedGroupKFold`): stratum by stratum, its
 * groups in random order, each goes to the split that is furthest below its share. So small strata are spread as evenly
 * as whole groups allow, and a category is held out only if it is in training too (ties go to the earlier split). The
 * same items, key and options give the same splits.
 */
export function stratifiedGroupSplit<T, S extends string>(
  items: readonly T[],
  options: StratifiedSplitOptions<T, S>,
): Map<T, S> {
  const { shares, key, groupOf, known = new Map<string, S>(), carry = false } = options;
  const names = Object.keys(shares) as S[];
  const splits = new Map<T, S>();
  let counts = zeros(names);
  for (const [stratum, groups] of groupsByStratum(items, options)) {
    if (!carry) counts = zeros(names);
    const assign = (group: readonly T[], split: S): void => {
      counts[split] += group.length;
      for (const item of group) splits.set(item, split);
    };
    const decided = (group: readonly T[]): S | undefined => known.get(groupOf(group[0]));
    let trained = !carry;
    for (const group of groups.filter(decided)) {
      trained ||= decided(group) === names[0];
      assign(group, decided(group)!);
    }
    for (const index of permutation(foldIn(key, stratum), groups.length)) {
      const group = groups[index];
      if (decided(group)) continue;
      assign(group, trained ? neediest(counts, shares, names, group.length) : names[0]);
      trained = true;
    }
  }
  return splits;
}

function zeros<S extends string>(names: readonly S[]): Record<S, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<S, number>;
}

/** The split furthest below its share once `coming` more items are there. */
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

/** The groups of each stratum. A group that spans strata counts in that of its first item. */
function groupsByStratum<T, S extends string>(
  items: readonly T[],
  { groupOf, stratumOf }: StratifiedSplitOptions<T, S>,
): Map<string, T[][]> {
  const groups = groupBy(items, groupOf);
  return groupBy([...groups.values()], ([first]) => stratumOf(first));
}
