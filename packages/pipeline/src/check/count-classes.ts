import { readDistinctVideos } from '@wbdc/data';

/**
 * The categories that some annotations name, each once: as many outputs a category model of these data has. Bad records
 * do not count.
 *
 * @param paths of annotations in the WBDC layout
 */
export async function countClasses(paths: readonly string[], signal?: AbortSignal): Promise<number> {
  const classes = new Set<string>();
  for (const path of paths) {
    for await (const { categoryId } of readDistinctVideos(path, { onBad: () => undefined })) {
      signal?.throwIfAborted();
      if (categoryId !== undefined) classes.add(categoryId);
    }
  }
  return classes.size;
}
