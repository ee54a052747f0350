import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileError, readRange, writeFileAtomic } from './files.js';
import type { Floats, Ints } from './host.js';
import {
  decodeTensor,
  describeTensor,
  parseSafetensorsHeader,
  safetensorsHeaderLength,
  safetensorsLayout,
  type SafetensorsHeader,
  type TensorInfo,
  type TensorRecord,
  type TensorShape,
} from './safetensors.js';

/** An open safetensors file, or the shards of one. Values are read when asked for. */
export interface SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** One tensor's values, in memory of their own. */
  read(name: string): Promise<Floats | Ints>;
  close(): Promise<void>;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Opens a safetensors file, a shard index (`*.index.json`), or a folder that holds `model.safetensors` or
 * `model.safetensors.index.json`. The header is checked at once, values are not read yet.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const target = await resolveTarget(path);
  return target.endsWith('.index.json') ? openShards(target) : openSingle(target);
}

async function resolveTarget(path: string): Promise<string> {
  if (!(await stat(path).catch((cause) => Promise.reject(fileError('open', path, cause)))).isDirectory()) return path;
  for (const name of [SINGLE, INDEX]) {
    if (await stat(join(path, name)).catch(() => undefined)) return join(path, name);
  }
  throw new Error(`${path}: expected ${SINGLE} or ${INDEX} in the folder, got neither`);
}

async function openSingle(path: string): Promise<SafetensorsFile> {
  const file = await open(path, 'r').catch((cause) => Promise.reject(fileError('open', path, cause)));
  try {
    const header = await readHeader(file, path);
    return {
      path,
      tensors: header.tensors,
      metadata: header.metadata,
      read: async (name) => {
        const info = find(header.tensors, name, path);
        const bytes = await readRange(file, header.dataStart + info.start, info.end - info.start, path);
        return decodeTensor(info, bytes, path);
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(file: FileHandle, path: string): Promise<SafetensorsHeader> {
  const { size } = await file.stat();
  const length = safetensorsHeaderLength(await readRange(file, 0, Math.min(8, size), path), size, path);
  return parseSafetensorsHeader(await readRange(file, 8, length, path), size, path);
}

function find(tensors: ReadonlyMap<string, TensorInfo>, name: string, path: string): TensorInfo {
  const info = tensors.get(name);
  if (info) return info;
  const some = [...tensors.keys()].slice(0, 5).join(', ');
  throw new Error(`${path}: expected a tensor '${name}', got ${tensors.size} others (${some}, ...)`);
}

/** A file whose tensors lie in several, by an index `{"weight_map": {name: file}}`. */
async function openShards(path: string): Promise<SafetensorsFile> {
  const map = await readWeightMap(path);
  const shards = new Map<string, SafetensorsFile>();
  const close = async (): Promise<void> => void (await Promise.all([...shards.values()].map((shard) => shard.close())));
  try {
    for (const name of new Set(map.values())) shards.set(name, await openSingle(join(dirname(path), name)));
    const tensors = new Map(
      [...map].map(([name, shard]) => [name, find(shards.get(shard)!.tensors, name, shards.get(shard)!.path)]),
    );
    const metadata = Object.assign({}, ...[...shards.values()].map((shard) => shard.metadata));
    return {
      path,
      tensors,
      metadata,
      read: async (name) => shards.get(map.get(find(tensors, name, path).name)!)!.read(name),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readWeightMap(path: string): Promise<Map<string, string>> {
  const text = await readFile(path, 'utf8').catch((cause) => Promise.reject(fileError('open', path, cause)));
  const map: unknown = (parse(text, path) as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null) throw new Error(`${path}: expected an object "weight_map", got none`);
  return new Map(
    Object.entries(map).map(([name, shard]: [string, unknown]) => {
      // A shard lies beside its index: a path would let a downloaded index read anywhere.
      if (typeof shard === 'string' && shard === basename(shard) && shard.endsWith('.safetensors'))
        return [name, shard];
      throw new Error(
        `${path}: weight_map['${name}']: expected a *.safetensors file beside the index, got ${String(shard)}`,
      );
    }),
  );
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path}: expected JSON, got something else`, { cause });
  }
}

/** A tensor whose values are fetched when it is its turn, so that one at a time has to be in memory. */
export interface TensorSource extends TensorShape {
  readonly values: () => Float32Array | Int32Array | Promise<Float32Array | Int32Array>;
}

/** Writes a safetensors file whole or not at all (see `writeFileAtomic`); the same input gives the same bytes. */
export async function writeSafetensors(
  path: string,
  tensors: TensorRecord | readonly TensorSource[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const sources = isSources(tensors)
    ? tensors
    : Object.entries(tensors).map(([name, tensor]) => sourceOf(name, tensor));
  await writeFileAtomic(path, chunksOf(sources, metadata));
}

function isSources(tensors: TensorRecord | readonly TensorSource[]): tensors is readonly TensorSource[] {
  return Array.isArray(tensors);
}

function sourceOf(name: string, tensor: Floats | Ints): TensorSource {
  return { ...describeTensor(name, tensor), values: () => tensor.data };
}

async function* chunksOf(
  sources: readonly TensorSource[],
  metadata: Readonly<Record<string, string>>,
): AsyncGenerator<Uint8Array> {
  const { prefix, order } = safetensorsLayout(sources, metadata);
  yield prefix;
  for (const source of order) {
    const data = await source.values();
    const found = describeTensor(source.name, { data, shape: source.shape } as Floats | Ints);
    if (found.dtype !== source.dtype) {
      throw new Error(`safetensors: '${source.name}': expected ${source.dtype} values, got ${found.dtype}`);
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}
