import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isRemote, joinLocation, shownLocation, type RemoteOptions } from '@wbdc/io/remote';
import { allSplits, type DataSettings } from '../settings/data.js';

/** Where the files of a data set lie that are not in its own folder or that of a run. */
export interface DataPlaces {
  /** Of `zip_frames/`: a folder or an address. */
  readonly frames: string | undefined;
  /** Of stores of features that are there already: a folder or an address. */
  readonly features: string | undefined;
  /** How files on servers are read. */
  readonly remote: RemoteOptions;
}

/** The folder of caches of whoever runs this, by the XDG base directory specification. */
function cacheFolder(env: Readonly<Record<string, string | undefined>>): string {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wbdc', 'remote');
}

/** What the settings of a data set say of places. @param from the folder that relative paths start from */
export function dataPlaces(
  { frames, features, remote }: Pick<DataSettings, 'frames' | 'features' | 'remote'>,
  from: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): DataPlaces {
  const placeOf = (path: string | null): string | undefined =>
    path === null || isRemote(path) ? (path ?? undefined) : resolve(from, path);
  const { cache, cacheGiB, memoryMiB, attempts } = remote;
  const folder = cache === null ? cacheFolder(env) : resolve(from, cache);
  return {
    frames: placeOf(frames),
    features: placeOf(features),
    remote: {
      attempts,
      memoryBytes: memoryMiB * 2 ** 20,
      ...(cacheGiB > 0 && { cache: { folder, maxBytes: Math.round(cacheGiB * 2 ** 30) } }),
    },
  };
}

/**
 * What of these settings decides a result: the splits, and where features come from. Frames count by their content,
 * which of those on a server is not looked at: there the address stands for it.
 */
export function decisivePlaces({ trainSplits, heldOutSplits, frames, features }: DataSettings): {
  readonly trainSplits: string[];
  readonly heldOutSplits: string[];
  readonly frames?: string;
  readonly features?: string;
} {
  return {
    trainSplits,
    heldOutSplits,
    ...(frames !== null && isRemote(frames) && { frames: shownLocation(frames) }),
    ...(features !== null && { features: shownLocation(features) }),
  };
}

/** The stores of `data.features`, by what to call them: what is made of them looks for changes there. */
export function namedStores(data: DataSettings): Record<string, string> {
  const { features } = data;
  if (features === null) return {};
  const stores = allSplits(data).map((split) => [`data.features of ${split}`, joinLocation(features, `${split}.zip`)]);
  return Object.fromEntries(stores) as Record<string, string>;
}
