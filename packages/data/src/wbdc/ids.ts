import { DataError, refuse } from '../files/data-error.js';
import { readAnnotations, type ReadAnnotationsOptions } from './annotations.js';

/**
 * The ids of `annotations/<split>.json` in its order; a second record of an id is bad.
 *
 * @throws DataError as {@link readAnnotations} does
 */
export async function readIds(path: string, options: ReadAnnotationsOptions = {}): Promise<string[]> {
  const ids = new Set<string>();
  for await (const { id } of readAnnotations(path, options)) {
    if (ids.has(id)) refuse(new DataError(`${path}: expected every id once, got ${id} twice`), options.onBad);
    ids.add(id);
  }
  return [...ids];
}
