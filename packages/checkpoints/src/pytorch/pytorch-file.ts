import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, openBytes, type ByteSource } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { BYTES_PER_VALUE, decodeTensor } from '../safetensors.js';
import { findTensor, openShards, type WeightFile } from '../shards.js';
import { dataStart, readDirectory } from './archive.js';
import { PICKLE_LIMIT, unpickle } from './pickle.js';
import { isLegacy, readLegacy } from './legacy.js';
import { gather, locate, stateDict, storagesOf, type PytorchTensor } from './state-dict.js';

/** An open PyTorch file, or the shards of one. */
export type PytorchFile = WeightFile<PytorchTensor>;

export interface PytorchOptions {
  /**
   * Where the state dict stands in the dict of a training's checkpoint, such as `model_image`. `state_dict`,
   * `model_state_dict`, `model`, `module` and `net` are found without.
   */
  readonly entry?: string | undefined;
}

const SINGLE = 'pytorch_model.bin';
const INDEX = 'pytorch_model.bin.index.json';

/**
 * Opens what `torch.save(model.state_dict())` wrote: the zip format of PyTorch 1.6 and later, or the format before it.
 * A file, a shard index (`*.index.json`), or a folder with `pytorch_model.bin` or its index. The pickle inside is read
 * with an allow-list of names, so nothing in it is executed; all places are checked at once, values are read when asked
 * for.
 */
export async function openPytorch(path: string, options: PytorchOptions = {}): Promise<PytorchFile> {
  const target = await resolveTarget(path);
  return target.endsWith('.index.json') ? openShards(target, '.bin', openSingle) : openSingle(target, options);
}

async function resolveTarget(path: string): Promise<string> {
  if (!(await stat(path).catch((cause) => Promise.reject(fileError('open', path, cause)))).isDirectory()) return path;
  for (const name of [SINGLE, INDEX]) {
    if (await stat(join(path, name)).catch(() => undefined)) return join(path, name);
  }
  throw new WbdcError(`${path}: expected ${SINGLE} or ${INDEX} in the folder, got neither`);
}

async function openSingle(path: string, options: PytorchOptions = {}): Promise<PytorchFile> {
  const source = await openBytes(path);
  try {
    return await readPytorch(source, options);
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Either format from bytes. */
export async function readPytorch(source: ByteSource, options: PytorchOptions = {}): Promise<PytorchFile> {
  const { path } = source;
  const head = await source.read(0, Math.min(source.size, 64));
  const tensors = await (isLegacy(head) ? readLegacy(source, options.entry) : readZip(source, options));
  const read = async (name: string) => readTensor(source, findTensor(tensors, name, path));
  return { path, tensors, read, close: () => source.close() };
}

async function readTensor(source: ByteSource, tensor: PytorchTensor) {
  const span = await source.read(tensor.start, tensor.span * BYTES_PER_VALUE[tensor.dtype]);
  const bytes = gather(tensor, span);
  return decodeTensor({ ...tensor, start: 0, end: bytes.length }, bytes, source.path);
}

/** `<folder>/data.pkl` and, by the keys in it, `<folder>/data/<key>`. */
async function readZip(source: ByteSource, options: PytorchOptions): Promise<Map<string, PytorchTensor>> {
  const { path } = source;
  const entries = await readDirectory(source);
  const pickle = [...entries.values()].find(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  if (!pickle) throw new WbdcError(`${path}: expected an archive with data.pkl, got none: not written by torch.save`);
  const content = async (name: string, limit: number): Promise<Uint8Array | undefined> => {
    const entry = entries.get(name);
    if (!entry) return undefined;
    if (entry.size > limit) throw new WbdcError(`${path}: ${name}: expected at most ${limit} bytes, got ${entry.size}`);
    return source.read(await dataStart(source, entry), entry.size);
  };
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  const order = await content(`${folder}byteorder`, 16);
  if (order && new TextDecoder().decode(order) !== 'little')
    throw new WbdcError(`${path}: expected little-endian values`);
  const bytes = (await content(pickle.name, PICKLE_LIMIT))!;
  const tensors = stateDict(unpickle(bytes, 0, path).value, path, options.entry);
  const starts = new Map<string, number>();
  const storages = [...tensors.values()].map(({ storage }) => storage);
  for (const [key, { dtype, count }] of storagesOf(storages, path)) {
    const entry = entries.get(`${folder}data/${key}`);
    const expected = count * BYTES_PER_VALUE[dtype];
    if (!entry || entry.size < expected) {
      throw new WbdcError(
        `${path}: storage ${key}: expected ${expected} bytes, got ${entry?.size ?? 'none'}: the file is damaged`,
      );
    }
    starts.set(key, await dataStart(source, entry));
  }
  return new Map([...tensors].map(([name, ref]) => [name, locate(name, ref, starts.get(ref.storage.key)!, path)]));
}
