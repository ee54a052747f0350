import { join } from 'node:path';
import type { StageContext } from '../stage.js';

/** The store with a split's frame features, as the features stage makes it. */
export function featureStorePath({ upstream }: Pick<StageContext, 'upstream'>, split: string): string {
  return join(upstream('features'), `${split}.zip`);
}
