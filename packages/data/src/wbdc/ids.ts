import { DataError, refuse } from '../files/data-error.js';
import { readAnnotations, type ReadAnnotationsOptions, type Video } from './annotations.js';

/**
 * The videos of `annotations/<split>.json`, each id once: a second record of one is bad, and the first one stays, as it
 * does in a data set.
 *
 * @throws DataError as {@link readAnnotations} does
 */
export async function* readDistinctVideos(path: string, options: ReadAnnotationsOptions = {}): AsyncGenerator<Video> {
  const ids = new Set<string>();
  for await (const video of readAnnotations(path, options)) {
    const { id } = video;
    if (!ids.has(id)) yield video;
    else refuse(new DataError(`${path}: expected every id once, got ${id} twice`), options.onBad);
    ids.add(id);
  }
}

/**
 * The ids of `annotations/<split>.json` in its order; a second record of an id is bad.
 *
 * @throws DataError as {@link readAnnotations} does
 */
export async function readIds(path: string, options: ReadAnnotationsOptions = {}): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of readDistinctVideos(path, options)) ids.push(id);
  return ids;
}
