import { readFile } from 'node:fs/promises';
import type { Embeddings } from '@wbdc/ensemble-svd';
import { bytesInMemory, fileError, writeFileAtomic } from '@wbdc/io';
import { FormatError, WbdcError } from '@wbdc/io/errors';
import { DEFLATED, listEntries, readEntry, STORED } from '@wbdc/io/zip';
import { MOST, parseEmbeddings, RESULT, writeEmbeddings } from '../submission.js';

/**
 * Reads a zipped `result.json` and checks it, also against the ids it must hold, where those are given. What it would
 * cost is checked before it is unpacked, no more is unpacked than it claims; time and memory grow with its size and no
 * faster.
 *
 * @throws WbdcError where it is damaged, not what a submission is, or over 512 MiB, 1,000,000 videos or 2^25 numbers
 */
export async function readEmbeddings(zip: Uint8Array, ids?: ReadonlySet<string>): Promise<Map<string, number[]>> {
  return parseEmbeddings(await unzipResult(zip), ids);
}

async function unzipResult(zip: Uint8Array): Promise<Uint8Array> {
  const source = bytesInMemory(zip, 'submission');
  const found = (await listEntries(source)).filter(({ name }) => name === RESULT);
  const where = `${source.path}: ${RESULT}`;
  if (found.length !== 1)
    throw new FormatError({ where, expected: 'one in the zip', got: `${found.length || 'none'}` });
  const [{ encrypted, method, size }] = found;
  if (encrypted || (method !== STORED && method !== DEFLATED)) {
    const got = encrypted ? 'an encrypted one' : `method ${method}`;
    throw new FormatError({ where, expected: 'a stored or deflated file', got });
  }
  if (size > MOST.bytes) {
    throw new FormatError({ where, expected: `at most ${MOST.bytes} bytes unpacked`, got: String(size) });
  }
  return readEntry(source, found[0], where);
}

/**
 * Writes a submission of embeddings and checks it by reading it again.
 * @throws WbdcError where an embedding is not one that a submission may hold
 */
export async function writeEmbeddingFile(
  path: string,
  embeddings: ReadonlyMap<string, ArrayLike<number>>,
): Promise<void> {
  const zip = writeEmbeddings(embeddings);
  await readEmbeddings(zip, new Set(embeddings.keys()));
  await writeFileAtomic(path, [zip]);
}

/**
 * A submission as one member of an ensemble.
 * @param ids those it must hold, where they are known
 * @throws WbdcError that names the file; also where it holds no embedding
 */
export async function readEmbeddingFile(path: string, name: string, ids?: ReadonlySet<string>): Promise<Embeddings> {
  const zip = await readFile(path).catch((cause) => Promise.reject(fileError('read', path, cause)));
  const vectors = await readNamed(path, zip, ids);
  const [first] = vectors.values();
  if (first === undefined) throw new WbdcError({ where: path, expected: 'embeddings', got: 'none' });
  const width = first.length;
  const values = new Float64Array(vectors.size * width);
  let row = 0;
  for (const vector of vectors.values()) values.set(vector, width * row++);
  return { name, ids: [...vectors.keys()], width, values };
}

async function readNamed(
  path: string,
  zip: Uint8Array,
  ids: ReadonlySet<string> | undefined,
): Promise<Map<string, number[]>> {
  try {
    return await readEmbeddings(zip, ids);
  } catch (cause) {
    throw cause instanceof WbdcError ? new WbdcError(`${path}: ${cause.message}`, { cause }) : cause;
  }
}

/** Rows by id. */
export function rowsById({ ids, width, values }: Embeddings): Map<string, Float32Array | Float64Array> {
  return new Map(ids.map((id, i) => [id, values.subarray(i * width, (i + 1) * width)]));
}
