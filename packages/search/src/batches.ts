/** Items, so many at a time. */
export async function* inBatches<T>(items: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** How many items a growing batch holds, see {@link inGrowingBatches}. */
export interface GrowingBatches {
  /** The first ones, and all that come slowly. */
  readonly least: number;
  readonly most: number;
  /** A batch that has its least number does not wait longer than this for more, in milliseconds. */
  readonly patience: number;
}

/**
 * Items in batches that grow with what has gone before, by half of it each, as long as items come fast: `n` items make
 * about `log n` batches, and then one for every `most`.
 */
export async function* inGrowingBatches<T>(
  items: Iterable<T> | AsyncIterable<T>,
  { least, most, patience }: GrowingBatches,
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  let before = 0;
  let since = performance.now();
  for await (const item of items) {
    batch.push(item);
    const enough = Math.min(most, Math.max(least, before / 2));
    if (batch.length < least || (batch.length < enough && performance.now() - since < patience)) continue;
    before += batch.length;
    yield batch;
    batch = [];
    since = performance.now();
  }
  if (batch.length > 0) yield batch;
}
