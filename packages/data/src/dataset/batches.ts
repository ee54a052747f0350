import { foldIn, permutation, randomKey } from '@wbdc/nn';

export interface BatchPlan {
  /** Length of every example; what counts as length (tokens, tokens + frames) is the caller's choice. */
  readonly lengths: ArrayLike<number>;
  readonly batchSize: number;
  readonly seed: number;
  /** What becomes of the rest that does not fill a batch: a smaller batch (default), or left out of this epoch. */
  readonly rest?: 'keep' | 'drop';
  /** So many batches are sorted by length together: more means less padding, fewer means more random batches. */
  readonly bucketBatches?: number;
}

/**
 * The batches of an epoch, as indices of examples: shuffled, with examples of like length together (sorted inside random
 * buckets, batches shuffled again). A pure function of plan and epoch, so a resumed run needs no state beside its step.
 */
export function batchesOfEpoch(plan: BatchPlan & { readonly epoch: number }): number[][] {
  const { lengths, batchSize } = plan;
  assertPlan(plan);
  const key = foldIn(foldIn(randomKey(plan.seed), 'epoch'), plan.epoch);
  const count = batchesPerEpoch(plan);
  // The rest is left out before the sorting: after it, always the longest would be missing.
  const order = permutation(foldIn(key, 'examples'), lengths.length).subarray(0, count * batchSize);
  const bucketSize = batchSize * (plan.bucketBatches ?? 32);
  const batches: number[][] = [];
  for (let start = 0; start < order.length; start += bucketSize) {
    const bucket = order.subarray(start, start + bucketSize).sort((a, b) => lengths[a] - lengths[b] || a - b);
    for (let at = 0; at < bucket.length; at += batchSize) batches.push([...bucket.subarray(at, at + batchSize)]);
  }
  return Array.from(permutation(foldIn(key, 'batches'), batches.length), (i) => batches[i]);
}

export function batchesPerEpoch({ lengths, batchSize, rest = 'keep' }: BatchPlan): number {
  return rest === 'drop' ? Math.floor(lengths.length / batchSize) : Math.ceil(lengths.length / batchSize);
}

export interface BatchSchedule {
  readonly batchesPerEpoch: number;
  /** The epoch a step belongs to, from 0. */
  epochOfStep(step: number): number;
  /** Indices of the examples of a step, counted from 0 over all epochs. */
  batchOfStep(step: number): readonly number[];
}

/** From global steps to batches: epoch after epoch, the current one kept at hand. */
export function batchSchedule(plan: BatchPlan): BatchSchedule {
  assertPlan(plan);
  const perEpoch = batchesPerEpoch(plan);
  let current: { epoch: number; batches: number[][] } | undefined;
  const epochOfStep = (step: number): number => Math.floor(step / perEpoch);
  return {
    batchesPerEpoch: perEpoch,
    epochOfStep,
    batchOfStep: (step) => {
      if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`expected a step from 0 on, got ${step}`);
      const epoch = epochOfStep(step);
      if (current?.epoch !== epoch) current = { epoch, batches: batchesOfEpoch({ ...plan, epoch }) };
      return current.batches[step % perEpoch];
    },
  };
}

function assertPlan(plan: BatchPlan): void {
  if (!Number.isSafeInteger(plan.batchSize) || plan.batchSize < 1) {
    throw new RangeError(`expected a batch size of at least 1, got ${plan.batchSize}`);
  }
  if (batchesPerEpoch(plan) > 0) return;
  throw new RangeError(
    `expected at least one batch of ${plan.batchSize}, got ${plan.lengths.length} videos: use a smaller batch or more data`,
  );
}
