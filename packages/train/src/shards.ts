import type { Communicator } from '@wbdc/distributed';

/** Values that travel together: fewer, larger messages; 16 MiB as float32. */
const BUCKET = 1 << 22;

/** Neighbours together until a bucket is full; what is larger has one of its own. */
export function bucketsOf<T extends { readonly size: number }>(leaves: readonly T[]): T[][] {
  const buckets: T[][] = [];
  let size = Infinity;
  for (const leaf of leaves) {
    if (size + leaf.size > BUCKET) {
      buckets.push([]);
      size = 0;
    }
    buckets.at(-1)!.push(leaf);
    size += leaf.size;
  }
  return buckets;
}

/** The values of a parameter that are this process's to update. */
export interface Shard {
  /** The first of them in the parameter. */
  readonly start: number;
  /** None of a parameter that others have. */
  readonly length: number;
  /** The first of them in the process's block of the bucket. */
  readonly at: number;
  /** The parameter's first value in the bucket. */
  readonly offset: number;
}

/** Parameters whose values side by side are divided evenly: every process has a block of them. */
export interface ShardedBucket<T> {
  /** Values of a block; the last one may be filled up. */
  readonly block: number;
  readonly leaves: readonly (T & { readonly shard: Shard })[];
}

/** Divides all values of some parameters evenly over the processes, bucket by bucket. */
export function shardsOf<T extends { readonly size: number }>(
  leaves: readonly T[],
  { rank, size }: Pick<Communicator, 'rank' | 'size'>,
): ShardedBucket<T>[] {
  return bucketsOf(leaves).map((bucket) => {
    const block = Math.ceil(bucket.reduce((sum, leaf) => sum + leaf.size, 0) / size);
    const first = rank * block;
    let offset = 0;
    return {
      block,
      leaves: bucket.map((leaf) => {
        const from = Math.max(offset, first);
        const length = Math.max(0, Math.min(offset + leaf.size, first + block) - from);
        const shard = { start: from - offset, length, at: from - first, offset };
        offset += leaf.size;
        return { ...leaf, shard };
      }),
    };
  });
}
