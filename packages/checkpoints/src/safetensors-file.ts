import { open, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, readRange, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { Floats, Ints } from '@wbdc/nn';
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
import { findTensor, openShards, type WeightFile } from './shards.js';

/** An open safetensors file, or the shards of one. Values are read when asked for, in memory of their own. */
export interface SafetensorsFile extends WeightFile<TensorInfo> {
  readonly metadata: Readonly<Record<string, string>>;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Opens a safetensors file, a shard index (`*.index.json`), or a folder that holds `model.safetensors` or
 * `model.safetensors.index.json`. The header is checked at once, values are not read yet.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const target = await resolveTarget(path);
  return target.endsWith('.index.json') ? openSharded(target) : openSingle(target);
}

async function resolveTarget(path: string): Promise<string> {
  if (!(await stat(path).catch((cause) => Promise.reject(fileError('open', path, cause)))).isDirectory()) return path;
  for (const name of [SINGLE, INDEX]) {
    if (await stat(join(path, name)).catch(() => undefined)) return join(path, name);
  }
  throw new WbdcError(`${path}: expected ${SINGLE} or ${INDEX} in the folder, got neither`);
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
        const info = findTensor(header.tensors, name, path);
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

/** A file whose tensors lie in several, by an index `{"weight_map": {name: file}}`. */
async function openSharded(path: string): Promise<SafetensorsFile> {
  const metadata: Record<string, string> = {};
  const file = await openShards(path, '.safetensors', async (shard) => {
    const opened = await openSingle(shard);
    Object.assign(metadata, opened.metadata);
    return opened;
  });
  return { ...file, metadata };
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
      throw new WbdcError(`safetensors: '${source.name}': expected ${source.dtype} values, got ${found.dtype}`);
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}
