import type { Batch } from '@wbdc/nn';
import { expect, it } from 'vitest';
import { batchesInOrder, batchesOf } from '../../src/index.js';

/** A data set whose batches are their indices, noted when they are asked for. */
function indices(size: number) {
  const asked: number[][] = [];
  const batch = async (rows: readonly number[]): Promise<Batch> => {
    asked.push([...rows]);
    return { ids: rows.map(String) } as unknown as Batch;
  };
  return { size, asked, batch };
}

it('gives every video once, the last batch shorter', async () => {
  const ids: (readonly string[])[] = [];
  for await (const batch of batchesInOrder(indices(5), 2)) ids.push(batch.ids);
  expect(ids).toEqual([['0', '1'], ['2', '3'], ['4']]);
  expect((await batchesInOrder(indices(0), 2).next()).done).toBe(true);
});

it('reads the next batch while one is used, and no further', async () => {
  const dataset = indices(9);
  const batches = batchesOf(dataset, [7, 1, 5, 3], 1);
  const { value } = await batches.next();
  expect((value as Batch).ids).toEqual(['7']);
  expect(dataset.asked).toEqual([[7], [1]]);
  await batches.return(undefined);
});
