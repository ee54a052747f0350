import { collate, SkipCounter, type Dataset } from '@wbdc/data';
import { floats } from '@wbdc/nn';

/** A data set in memory, of videos v0, v1, ... with so many tokens as their index, and their categories. */
export function datasetOf(
  categories: readonly (string | undefined)[],
  groups: Readonly<Record<number, string>> = {},
): Dataset {
  const text = (i: number) => {
    const categoryId = categories[i];
    const tokens = Array.from({ length: 1 + i }, (_, t) => 5 + t);
    const group = groups[i] === undefined ? {} : { group: groups[i] };
    const own = { id: `v${i}`, tokens, segments: tokens.map(() => 0), spans: [], ...group };
    return categoryId === undefined ? own : { ...own, categoryId };
  };
  const example = async (i: number) => ({ ...text(i), frames: floats([1, 3], Float32Array.of(i, 1, -i)) });
  return {
    size: categories.length,
    vocabSize: 20,
    tagCount: 0,
    tags: [],
    frameSize: 3,
    lengths: Int32Array.from(categories, (_, i) => 1 + i),
    skipped: new SkipCounter('videos', 0),
    length: (i) => 1 + i,
    id: (i) => `v${i}`,
    text,
    example,
    batch: async (indices) => collate(await Promise.all(indices.map(example))),
    share: () => undefined,
    close: async () => undefined,
  };
}
