import type { Batch } from '@wbdc/nn/plain';
import type { Dataset } from './packed-dataset.js';
import { prefetch } from './prefetch.js';

/** All videos of a data set in their order, batch after batch, with the frames of evaluation. */
export function batchesInOrder(dataset: Pick<Dataset, 'size' | 'batch'>, batchSize: number): AsyncGenerator<Batch> {
  const videos = Array.from({ length: dataset.size }, (_, i) => i);
  return batchesOf(dataset, videos, batchSize);
}

/** Some videos of a data set in this order, batch after batch: while one is used, the next is being read. */
export async function* batchesOf(
  dataset: Pick<Dataset, 'batch'>,
  videos: readonly number[],
  batchSize: number,
): AsyncGenerator<Batch> {
  const last = Math.ceil(videos.length / batchSize) - 1;
  const read = (at: number): Promise<Batch> => dataset.batch(videos.slice(at * batchSize, (at + 1) * batchSize));
  const batchAt = prefetch(read, { ahead: 1, last });
  for (let at = 0; at <= last; at++) yield await batchAt(at);
}
