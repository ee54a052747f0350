/** One of `count` divisions of a piece of work, numbered from 0. */
export interface ShardIndex {
  readonly index: number;
  readonly count: number;
}

/**
 * The shard of a list: sizes are equal to one item, and the shards in order make the list. All of it without a shard.
 */
export function shardOfList<T>(list: readonly T[], shard: ShardIndex | undefined): readonly T[] {
  if (shard === undefined) return list;
  const at = (index: number): number => Math.floor((index * list.length) / shard.count);
  return list.slice(at(shard.index), at(shard.index + 1));
}
