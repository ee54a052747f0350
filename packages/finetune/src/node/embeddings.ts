import { readFile } from 'node:fs/promises';
import type { Embeddings } from '@wbdc/ensemble-svd';
import { fileError, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { readEmbeddings, writeEmbeddings } from '../submission.js';

/**
 * Writes a submission of embeddings and checks it by reading it again.
 * @throws WbdcError where an embedding is not one that a submission may hold
 */
export async function writeEmbeddingFile(
  path: string,
  embeddings: ReadonlyMap<string, ArrayLike<number>>,
): Promise<void> {
  const zip = writeEmbeddings(embeddings);
  readEmbeddings(zip, new Set(embeddings.keys()));
  await writeFileAtomic(path, [zip]);
}

/**
 * A submission as one member of an ensemble.
 * @param ids those it must hold, where they are known
 * @throws WbdcError that names the file; also where it holds no embedding
 */
export async function readEmbeddingFile(path: string, name: string, ids?: ReadonlySet<string>): Promise<Embeddings> {
  const zip = await readFile(path).catch((cause) => Promise.reject(fileError('read', path, cause)));
  const vectors = readNamed(path, zip, ids);
  const [first] = vectors.values();
  if (first === undefined) throw new WbdcError({ where: path, expected: 'embeddings', got: 'none' });
  const width = first.length;
  const values = new Float64Array(vectors.size * width);
  let row = 0;
  for (const vector of vectors.values()) values.set(vector, width * row++);
  return { name, ids: [...vectors.keys()], width, values };
}

function readNamed(path: string, zip: Uint8Array, ids: ReadonlySet<string> | undefined): Map<string, number[]> {
  try {
    return readEmbeddings(zip, ids);
  } catch (cause) {
    throw cause instanceof WbdcError ? new WbdcError(`${path}: ${cause.message}`, { cause }) : cause;
  }
}

/** Rows by id. */
export function rowsById({ ids, width, values }: Embeddings): Map<string, Float32Array | Float64Array> {
  return new Map(ids.map((id, i) => [id, values.subarray(i * width, (i + 1) * width)]));
}
