import { partOf, type Part } from '@wbdc/nn/plain';

/** The items of a part; all where there are no parts. */
export function takePart<T>(items: readonly T[], part: Part | undefined): readonly T[] {
  return part === undefined ? items : Array.from(partOf(items.length, part), (i) => items[i]);
}
