/** Videos under work at the same time: enough to keep libuv's four threads busy, few enough to stop at once. */
const LANES = 4;

/**
 * Runs `work` over all values, four at a time, until one fails or the signal is aborted; those under way end first, so that
 * none still writes into a folder that is being removed.
 */
export async function inLanes<T>(
  values: Iterable<T>,
  work: (value: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const pending = values[Symbol.iterator]();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (let next = pending.next(); !next.done && !failed; next = pending.next()) {
      signal?.throwIfAborted();
      await work(next.value);
    }
  };
  const stopOthers = (error: unknown): never => {
    failed = true;
    throw error;
  };
  const results = await Promise.allSettled(Array.from({ length: LANES }, () => lane().catch(stopOthers)));
  const broken = results.find((result) => result.status === 'rejected');
  if (broken) throw broken.reason;
}
