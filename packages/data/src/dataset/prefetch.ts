/**
 * Batches by step, read ahead: asking for a step starts the reading of the next `ahead` ones, so that the disk works
 * while the engine does. Steps are asked for in rising order; a jump (resume) starts afresh. An error is thrown when
 * its step is asked for, not before.
 *
 * @param load reads the batch of a step; a pure function of the step
 * @param last the last step there is: nothing is read beyond it
 */
export function prefetch<B>(
  load: (step: number) => Promise<B>,
  { ahead = 2, last = Infinity }: { readonly ahead?: number; readonly last?: number } = {},
): (step: number) => Promise<B> {
  const waiting = new Map<number, Promise<B>>();
  const start = (step: number): Promise<B> => {
    const batch = waiting.get(step) ?? load(step);
    waiting.set(step, batch);
    batch.catch(() => undefined); // whoever asks for the step gets the error; until then it is not unhandled
    return batch;
  };
  return (step) => {
    for (const other of waiting.keys()) if (other < step || other > step + ahead) waiting.delete(other);
    const batch = start(step);
    waiting.delete(step);
    for (let next = step + 1; next <= Math.min(step + ahead, last); next++) void start(next);
    return batch;
  };
}
