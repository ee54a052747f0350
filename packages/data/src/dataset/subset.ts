import type { Dataset } from './packed-dataset.js';

/**
 * Some examples of a data set as one of their own: example i of it is example `indices[i]`. Nothing is copied, and
 * closing it closes the other. Threads that share a data set share whole ones: `share()` gives nothing.
 *
 * @throws RangeError for an index that the data set does not have
 */
export function subsetOf(dataset: Dataset, indices: Int32Array): Dataset {
  const foreign = indices.find((index) => !(index >= 0 && index < dataset.size));
  if (foreign !== undefined) throw new RangeError(`expected indices below ${dataset.size}, got ${foreign}`);
  const { vocabSize, tagCount, tags, frameSize, skipped, lengths } = dataset;
  return {
    ...{ vocabSize, tagCount, tags, frameSize, skipped },
    size: indices.length,
    lengths: indices.map((index) => lengths[index]),
    length: (i) => dataset.length(indices[i]),
    id: (i) => dataset.id(indices[i]),
    text: (i) => dataset.text(indices[i]),
    example: (i, key) => dataset.example(indices[i], key),
    batch: (some, key) =>
      dataset.batch(
        some.map((i) => indices[i]),
        key,
      ),
    share: () => undefined,
    close: () => dataset.close(),
  };
}
