import { foldIn, permutation, randomKey } from '@wbdc/nn/plain';

export interface SampleRule<T> {
  readonly count: number;
  /** The first samples are of different groups, as far as there are so many. */
  readonly groupOf: (item: T) => string;
  /** Higher ones come first: a video without tags or speech shows little. */
  readonly richnessOf: (item: T) => number;
}

/** Items to look at: one from each group as far as there are so many, drawn at random but the same every time. */
export function chooseSamples<T>(items: readonly T[], { count, groupOf, richnessOf }: SampleRule<T>): T[] {
  const shuffled = Array.from(permutation(foldIn(randomKey(0), 'demo samples'), items.length), (index) => items[index]);
  shuffled.sort((a, b) => richnessOf(b) - richnessOf(a));
  const groups = new Set<string>();
  const first = shuffled.filter((item) => {
    const group = groupOf(item);
    return !groups.has(group) && groups.add(group);
  });
  const taken = new Set(first);
  return [...first, ...shuffled.filter((item) => !taken.has(item))].slice(0, count);
}
