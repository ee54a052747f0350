import { foldIn, permutation, randomKey, type Key } from '@wbdc/nn/plain';

export interface BatchPlan {
  /** Length of every example; what counts as length (tokens, tokens + frames) is the caller's choice. */
  readonly lengths: ArrayLike<number>;
  readonly batchSize: number;
  readonly seed: number;
  /** What becomes of the rest that does not fill a batch: a smaller batch (default), or left out of this epoch. */
  readonly rest?: 'keep' | 'drop';
  /** So many batches are sorted by length together: more means less padding, fewer means more random batches. */
  readonly bucketBatches?: number;
  /**
   * How many of the examples, from the first on, belong together: every epoch goes through such sections one after
   * another, each shuffled in itself and cut into batches of its own. One section by default.
   */
  readonly sections?: readonly number[];
}

/**
 * The batches of an epoch, as indices of examples: shuffled, with examples of like length together (sorted inside
 * random buckets, batches shuffled again). A pure function of plan and epoch, so a resumed run needs no state beside
 * its step.
 */
export function batchesOfEpoch(plan: BatchPlan & { readonly epoch: number }): number[][] {
  assertPlan(plan);
  const key = foldIn(foldIn(randomKey(plan.seed), 'epoch'), plan.epoch);
  if (plan.sections === undefined) return batchesOfSection(plan, { start: 0, size: plan.lengths.length }, key);
  return sectionsOf(plan).flatMap((section, s) => batchesOfSection(plan, section, foldIn(foldIn(key, 'part'), s)));
}

/** Examples `[start, start + size)`. */
interface Section {
  readonly start: number;
  readonly size: number;
}

function sectionsOf({ lengths, sections = [lengths.length] }: BatchPlan): Section[] {
  let start = 0;
  return sections.map((size) => ({ start: (start += size) - size, size }));
}

function batchesOfSection(plan: BatchPlan, { start: first, size }: Section, key: Key): number[][] {
  const { lengths, batchSize } = plan;
  const count = batchesIn(plan, size);
  // The rest is left out before the sorting: after it, always the longest would be missing.
  const order = permutation(foldIn(key, 'examples'), size)
    .map((offset) => first + offset)
    .subarray(0, count * batchSize);
  const bucketSize = batchSize * (plan.bucketBatches ?? 32);
  const batches: number[][] = [];
  for (let start = 0; start < order.length; start += bucketSize) {
    const bucket = order.subarray(start, start + bucketSize).sort((a, b) => lengths[a] - lengths[b] || a - b);
    for (let at = 0; at < bucket.length; at += batchSize) batches.push([...bucket.subarray(at, at + batchSize)]);
  }
  return Array.from(permutation(foldIn(key, 'batches'), batches.length), (i) => batches[i]);
}

export function batchesPerEpoch(plan: BatchPlan): number {
  return sectionsOf(plan).reduce((sum, { size }) => sum + batchesIn(plan, size), 0);
}

function batchesIn({ batchSize, rest = 'keep' }: BatchPlan, size: number): number {
  return rest === 'drop' ? Math.floor(size / batchSize) : Math.ceil(size / batchSize);
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
  const sections = plan.sections?.reduce((sum, size) => sum + size, 0);
  if (sections !== undefined && sections !== plan.lengths.length) {
    throw new RangeError(
      `expected sections that make ${plan.lengths.length} examples, got ${plan.sections!.join(' + ')} = ${sections}`,
    );
  }
  if (batchesPerEpoch(plan) > 0) return;
  throw new RangeError(
    `expected at least one batch of ${plan.batchSize}, got ${plan.lengths.length} examples: ` +
      'use a smaller batchSize or more data',
  );
}
