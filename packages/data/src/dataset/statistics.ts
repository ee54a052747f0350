import type { Dataset } from './packed-dataset.js';

/** What a trivial baseline needs to know: how often each token and each tag occurs. */
export interface CorpusStatistics {
  /** `[V]`, special tokens included. */
  readonly tokenCounts: Float64Array;
  /** `[T]`, videos that carry the tag. */
  readonly tagCounts: Float64Array;
  readonly videos: number;
  /** Videos that come with tags, be it none of the list: the denominator of tag frequencies. */
  readonly taggedVideos: number;
}

/** Counts tokens and tags over a whole data set, without a read of the disk. */
export function corpusStatistics(dataset: Dataset): CorpusStatistics {
  const tokenCounts = new Float64Array(dataset.vocabSize);
  const tagCounts = new Float64Array(dataset.tagCount);
  let taggedVideos = 0;
  for (let i = 0; i < dataset.size; i++) {
    const { tokens, tags } = dataset.text(i);
    for (let t = 0; t < tokens.length; t++) tokenCounts[tokens[t]]++;
    if (tags) taggedVideos++;
    for (const tag of tags ?? []) tagCounts[tag]++;
  }
  return { tokenCounts, tagCounts, videos: dataset.size, taggedVideos };
}
