/** Enough to keep libuv's four threads busy, few enough to stop at once. */
const CONCURRENCY = 4;

/**
 * Runs `work` over all values, four at a time, until one fails or the signal is aborted; those that run end first, so
 * that none still writes into a folder that is being removed.
 *
 * @throws the first failure, or the signal's reason
 */
export async function forEachConcurrently<T>(
  values: Iterable<T>,
  work: (value: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const pending = values[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = pending.next(); !next.done && !failed; next = pending.next()) {
      signal?.throwIfAborted();
      await work(next.value);
    }
  };
  const stopOthers = (error: unknown): never => {
    failed = true;
    throw error;
  };
  const results = await Promise.allSettled(Array.from({ length: CONCURRENCY }, () => worker().catch(stopOthers)));
  const rejected = results.find((result) => result.status === 'rejected');
  if (rejected) throw rejected.reason;
}
