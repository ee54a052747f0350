import { batchSchedule, type BatchPlan } from '@wbdc/data/web';
import { foldIn, type Key, type Part } from '@wbdc/nn/plain';

/** Where a batch stands in the order of the data. */
export interface BatchPosition {
  /** From 0, over all epochs. */
  readonly index: number;
  /** The examples of the batch, of all processes that train together. */
  readonly indices: readonly number[];
  /** What this process computes of it; absent where it is the only one. */
  readonly part?: Part;
  /** Draws what is random about the batch: frames, masks. */
  readonly key: Key;
  /** The batch so many before; nothing before the first. */
  readonly earlier: (back: number) => BatchPosition | undefined;
}

/** The batches of a training, each a function of its number alone. */
export interface BatchOrder {
  at(index: number): BatchPosition;
  epochOf(index: number): number;
}

/** @param key of the whole training */
export function batchOrder(plan: BatchPlan, key: Key, part?: Part): BatchOrder {
  const schedule = batchSchedule(plan);
  const at = (index: number): BatchPosition => ({
    index,
    indices: schedule.batchOfStep(index),
    ...(part && { part }),
    key: foldIn(foldIn(key, 'batch'), index),
    earlier: (back) => (back > index ? undefined : at(index - back)),
  });
  return { at, epochOf: schedule.epochOfStep };
}
