import { readFile } from 'node:fs/promises';
import type { Embeddings } from '@wbdc/ensemble-svd';
import { fileError, writeFileAtomic } from '@wbdc/io';
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
 */
export async function readEmbeddingFile(path: string, name: string, ids?: ReadonlySet<string>): Promise<Embeddings> {
  const zip = await readFile(path).catch((cause) => Promise.reject(fileError('read', path, cause)));
  const vectors = readEmbeddings(zip, ids);
  const rows = [...vectors.values()];
  return { name, ids: [...vectors.keys()], width: rows[0].length, values: Float64Array.from(rows.flat()) };
}

/** Rows by id. */
export function rowsById({ ids, width, values }: Embeddings): Map<string, Float32Array | Float64Array> {
  return new Map(ids.map((id, i) => [id, values.subarray(i * width, (i + 1) * width)]));
}
