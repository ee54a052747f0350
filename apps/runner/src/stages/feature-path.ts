import { join } from 'node:path';

/** The store with a split's frame features in the folder of the features stage. */
export function featureStorePath(folder: string, split: string): string {
  return join(folder, `${split}.zip`);
}
