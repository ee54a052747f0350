import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, writeFileAtomic } from '@wbdc/io';
import type { PreparedVideos } from './finish.js';
import { starterConfig, unfitSettings, type DataFittedSettings } from './starter-config.js';

export interface WrittenStarter {
  /** The configuration to go on with. */
  readonly path: string;
  /** What one that was there before has that does not go with the data. */
  readonly unfit: readonly string[];
}

/**
 * Writes {@link starterConfig} beside a prepared data set, as `wbdc.yaml`. One that is there stays: where it does not
 * go with the data any more, one that does stands beside it, as `wbdc.new.yaml`.
 *
 * @param folder of the data set, as a command should name it
 * @param load reads a configuration; gives the reason where it cannot be read
 */
export async function writeStarterConfig(
  prepared: PreparedVideos,
  folder: string,
  load: (path: string) => Promise<DataFittedSettings | string>,
): Promise<WrittenStarter> {
  const [path, fresh] = ['wbdc.yaml', 'wbdc.new.yaml'].map((name) => join(prepared.root, name));
  const starter = starterConfig(prepared, folder);
  if (!(await exists(path))) {
    await writeFileAtomic(path, starter);
    return { path, unfit: [] };
  }
  await writeFileAtomic(fresh, starter);
  const [fitting, config] = [await load(fresh), await load(path)];
  if (typeof fitting === 'string') throw new Error(fitting);
  const unfit = typeof config === 'string' ? [config] : unfitSettings(config, fitting, prepared);
  if (unfit.length > 0) return { path: fresh, unfit };
  await rm(fresh);
  return { path, unfit };
}
