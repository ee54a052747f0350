import { crc32 } from 'node:zlib';
import { AtomicFile, exists } from '@wbdc/io';
import { recoverEntries, ZipWriter, type Recovered } from '@wbdc/io/zip';
import type { Floats } from '@wbdc/nn/plain';
import { asData, DataError } from '../files/data-error.js';
import { ID_PATTERN } from '../wbdc/annotations.js';
import { RECIPE_NAME, type Recipe } from './feature-store.js';
import { encodeNpy, type NpyType } from './npy.js';

/** The largest finite float16. */
const LARGEST = 65504;
/** Of what this writer names: `<id>.npy` with at most 64 characters of id. */
const LONGEST_NAME = 68;

export interface CreateFeatureStoreOptions {
  /** Dv, the same for all videos. */
  readonly width: number;
  readonly recipe?: Recipe;
  /** How values are stored; float16 is the official layout. */
  readonly type?: NpyType;
  /** Go on behind what an interrupted run left in `<path>.part`, if it is there and has the same recipe. */
  readonly resume?: boolean;
}

/** Writes a feature store, video after video. Nothing appears under the store's name before `finish` succeeds. */
export interface FeatureStoreWriter {
  /** Whether a video is there already: after a resume, what need not be computed again. */
  has(id: string): boolean;
  /**
   * Adds the features `[n, Dv]` of a video. Await it: it holds the writer back where the disk is slow.
   * @throws DataError on another width, on values that are no finite float16, on an id for the second time
   */
  add(id: string, features: Floats): Promise<void>;
  finish(): Promise<void>;
  /** Stops for now; a later writer with `resume` goes on. */
  suspend(): Promise<void>;
  /** Gives up and removes what was written. */
  abandon(): Promise<void>;
}

/** See {@link FeatureStoreWriter}; {@link openFeatureStore} reads it. */
export async function createFeatureStore(
  path: string,
  options: CreateFeatureStoreOptions,
): Promise<FeatureStoreWriter> {
  const recipe = options.recipe && Buffer.from(`${JSON.stringify(options.recipe, null, 2)}\n`);
  const resumed = options.resume ? await resumeZip(path, recipe) : undefined;
  const zip = resumed ?? (await ZipWriter.create(path));
  if (!resumed && recipe) await zip.add(RECIPE_NAME, recipe);
  return {
    has: (id) => zip.has(`${id}.npy`),
    add: async (id, features) => {
      assertFeatures(id, features, options);
      await asData(zip.add(`${id}.npy`, encodeNpy(features, options.type ?? 'float16')));
    },
    finish: () => zip.finish(),
    suspend: () => zip.suspend(),
    abandon: () => zip.abandon(),
  };
}

function assertFeatures(id: string, { shape, data }: Floats, options: CreateFeatureStoreOptions): void {
  if (!ID_PATTERN.test(id)) throw new DataError(`expected an id of 3 to 64 letters, digits, - or _, got ${id}`);
  if (shape.length !== 2 || shape[1] !== options.width) {
    throw new DataError(`${id}: expected features [n, ${options.width}], got [${shape.join(', ')}]`);
  }
  const limit = options.type === 'float32' ? Number.MAX_VALUE : LARGEST;
  const bad = data.findIndex((value) => !(Math.abs(value) <= limit));
  if (bad < 0) return;
  throw new DataError(
    `${id}: expected finite features up to ${limit}, got ${data[bad]} in frame ${Math.floor(bad / options.width)}`,
  );
}

/** The shortest array: its header is padded to 64 bytes at least. */
const SHORTEST = 64;

/**
 * Up to the first entry that is none of a store: where a machine has lost its power, a block may hold zeros, and those
 * are the header of an empty entry whose checksum fits.
 */
function readable({ entries, end }: Recovered): Recovered {
  const wrong = entries.findIndex(({ name, size }) => name !== RECIPE_NAME && size < SHORTEST);
  return wrong < 0 ? { entries, end } : { entries: entries.slice(0, wrong), end: entries[wrong].offset };
}

async function resumeZip(path: string, recipe: Buffer | undefined): Promise<ZipWriter | undefined> {
  const partial = AtomicFile.partOf(path);
  if (!(await exists(partial))) return undefined;
  const recovered = readable(await recoverEntries(partial, LONGEST_NAME));
  const [first] = recovered.entries;
  if (!first) return undefined;
  const before = first.name === RECIPE_NAME ? first.crc : undefined;
  if (before !== (recipe && crc32(recipe))) {
    throw new DataError(
      `${partial}: expected features of the same recipe, got another: delete the file to start again`,
    );
  }
  return ZipWriter.resume(path, recovered);
}
