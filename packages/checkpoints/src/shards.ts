import { basename, dirname, join } from 'node:path';
import { readJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { WeightInfo, WeightSource } from './weights/source.js';

/** A checkpoint in a file that stays open until it is closed. */
export interface WeightFile<I extends WeightInfo = WeightInfo> extends WeightSource {
  readonly tensors: ReadonlyMap<string, I>;
  close(): Promise<void>;
}

/** All of them are open together. */
const MOST_SHARDS = 512;

/** The tensor of a name; an error that shows some others where there is none. */
export function findTensor<I>(tensors: ReadonlyMap<string, I>, name: string, path: string): I {
  const info = tensors.get(name);
  if (info) return info;
  const some = [...tensors.keys()].slice(0, 5).join(', ');
  throw new WbdcError(`${path}: expected a tensor '${name}', got ${tensors.size} others (${some}, ...)`);
}

/** A checkpoint whose tensors lie in several files beside an index `{"weight_map": {name: file}}`. */
export async function openShards<I extends WeightInfo>(
  path: string,
  extension: string,
  openFile: (path: string) => Promise<WeightFile<I>>,
): Promise<WeightFile<I>> {
  const map = await readWeightMap(path, extension);
  const shards = new Map<string, WeightFile<I>>();
  const close = async (): Promise<void> => void (await Promise.all([...shards.values()].map((shard) => shard.close())));
  const shardOf = (name: string): WeightFile<I> => shards.get(findTensor(map, name, path))!;
  try {
    const names = new Set(map.values());
    if (names.size > MOST_SHARDS) {
      throw new WbdcError({ where: path, expected: `at most ${MOST_SHARDS} shards`, got: String(names.size) });
    }
    for (const name of names) shards.set(name, await openFile(join(dirname(path), name)));
    const infos = [...map.keys()].map((name) => {
      const shard = shardOf(name);
      return [name, findTensor(shard.tensors, name, shard.path)] as const;
    });
    return { path, tensors: new Map(infos), read: async (name) => shardOf(name).read(name), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A name without a path, of a length that file systems take. */
function isFileName(name: string): boolean {
  return name === basename(name) && !name.includes('\0') && name.length <= 255;
}

async function readWeightMap(path: string, extension: string): Promise<Map<string, string>> {
  const map: unknown = ((await readJson(path)) as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null)
    throw new WbdcError(`${path}: expected an object "weight_map", got none`);
  return new Map(
    Object.entries(map).map(([name, shard]: [string, unknown]) => {
      // A shard lies beside its index: a path would let a downloaded index read anywhere.
      if (typeof shard === 'string' && isFileName(shard) && shard.endsWith(extension)) return [name, shard];
      throw new WbdcError(
        `${path}: weight_map['${name}']: expected a *${extension} file beside the index, got ${String(shard)}`,
      );
    }),
  );
}
