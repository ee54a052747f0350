import { favourRareClasses, type RareClasses } from '@wbdc/finetune';
import type { NameOf } from './category-names.js';
import type { Category, Probable, Tagged } from './results.js';

export interface DescribeOptions {
  /** In the order of the probabilities. */
  readonly classes: readonly string[];
  /** Whether rare categories weigh more in the order. */
  readonly rare: RareClasses | undefined;
  readonly nameOf: NameOf;
  /** How many categories to give; all by default. */
  readonly top?: number | undefined;
}

/** Categories by their probabilities `[C]`, best first. The probabilities stay the model's own. */
export function describeCategories(
  probabilities: Float32Array,
  { classes, rare, nameOf, top = classes.length }: DescribeOptions,
): Category[] {
  const describe = (category: string, probability: number): Probable => {
    const name = nameOf(category);
    return { category, ...(name !== undefined && { name }), probability };
  };
  const scores = probabilities.slice();
  if (rare !== undefined) favourRareClasses(scores, rare.counts, rare.strength);
  const order = [...classes.keys()].sort((a, b) => scores[b] - scores[a]);
  const groups = new Map<string, number>();
  for (const i of order) {
    const group = classes[i].slice(0, 2);
    groups.set(group, (groups.get(group) ?? 0) + probabilities[i]);
  }
  return order.slice(0, top).map((i) => {
    const group = classes[i].slice(0, 2);
    return { ...describe(classes[i], probabilities[i]), level1: describe(group, groups.get(group)!) };
  });
}

export interface DescribeTagsOptions {
  /** How many tags to give; all by default. */
  readonly top?: number | undefined;
  /** From which probability on a video has each tag, `[T]`: 1/2 where there are none; of other models nothing. */
  readonly thresholds?: readonly number[] | undefined;
}

/** Tags by their probabilities `[T]`, best first. */
export function describeTags(
  probabilities: Float32Array,
  tags: readonly string[],
  { top = tags.length, thresholds }: DescribeTagsOptions = {},
): Tagged['tags'] {
  const order = [...tags.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  return order.slice(0, top).map((i) => ({
    tag: tags[i],
    probability: probabilities[i],
    ...(thresholds && { chosen: probabilities[i] >= (thresholds[i] ?? 0.5) }),
  }));
}
