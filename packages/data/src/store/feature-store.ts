import { isSystemFile } from '@wbdc/io';
import type { RemoteOptions } from '@wbdc/io/remote';
import { ZipReader } from '@wbdc/io/zip';
import type { Floats } from '@wbdc/nn/plain';
import { asData, DataError } from '../files/data-error.js';
import type { FeatureSource, SharedStore } from './feature-source.js';
import { finite } from './finite.js';
import { decodeNpy } from './npy.js';

/** How features were made (model, preprocessing, sampling): a model refuses features of another recipe. */
export type Recipe = Readonly<Record<string, unknown>>;

/** The entry that holds the recipe. */
export const RECIPE_NAME = 'recipe.json';

export interface FeatureStore extends FeatureSource {
  readonly ids: Iterable<string>;
  readonly recipe?: Recipe;
}

export interface OpenFeatureStoreOptions {
  /** Dv that is expected; without it the first video's width counts for all. */
  readonly width?: number;
  /** How a store on a server is read. */
  readonly remote?: RemoteOptions;
}

/**
 * Opens a store in the official layout: one zip for a split, `<id>.npy` inside, float16 (or float32) `[n, Dv]`. Opening
 * reads the zip's directory (2.5 s and 130 MB for a million videos); reading a video is one read of the disk.
 *
 * @param path also an address, `https://` or `s3://`: then it is read in ranges, see `openRemote` of `@wbdc/io/remote`
 * @throws DataError when it is no zip, or the width is another one
 */
export async function openFeatureStore(path: string, options: OpenFeatureStoreOptions = {}): Promise<FeatureStore> {
  const zip = await openStoreZip(path, options.remote);
  try {
    const recipe = await readRecipe(zip);
    const width = options.width ?? (await firstWidth(zip));
    const store = new ZipFeatureStore(zip, width, recipe !== undefined);
    return recipe ? Object.assign(store, { recipe }) : store;
  } catch (error) {
    await zip.close();
    throw error;
  }
}

/** Opens what another thread has open. */
export async function reopenFeatureStore({ zip, width, hasRecipe }: SharedStore): Promise<FeatureSource> {
  return new ZipFeatureStore(await ZipReader.reopen(zip), width, hasRecipe);
}

/** The zip of a store by id, its recipe under {@link RECIPE_NAME}. */
export function openStoreZip(path: string, remote?: RemoteOptions): Promise<ZipReader> {
  return asData(ZipReader.open(path, { keyOf: storeKey, keyName: 'id', ...(remote && { remote }) }));
}

/** Keys are ids; no id has a dot, so the recipe's name is free. What systems leave (`__MACOSX/._1.npy`) has none. */
function storeKey(name: string): string | undefined {
  if (name === RECIPE_NAME) return name;
  return name.endsWith('.npy') && !isSystemFile(name)
    ? name.slice(name.lastIndexOf('/') + 1, -'.npy'.length)
    : undefined;
}

class ZipFeatureStore implements FeatureStore {
  constructor(
    private readonly zip: ZipReader,
    readonly width: number,
    private readonly hasRecipe: boolean,
  ) {}

  get size(): number {
    return this.zip.size - Number(this.hasRecipe);
  }

  get ids(): Iterable<string> {
    return idsOf(this.zip);
  }

  has(id: string): boolean {
    return id !== RECIPE_NAME && this.zip.has(id);
  }

  async read(id: string): Promise<Floats> {
    const features = await readArray(this.zip, id);
    if (features.shape[1] === this.width) return finite(features, `${this.zip.path}: ${id}`);
    throw new DataError(
      `${this.zip.path}: ${id}: expected features [n, ${this.width}], got [${features.shape.join(', ')}]: ` +
        'make them with the model this one was trained with',
    );
  }

  share(): SharedStore {
    return { kind: 'store', zip: this.zip.share(), width: this.width, hasRecipe: this.hasRecipe };
  }

  close(): Promise<void> {
    return this.zip.close();
  }
}

function* idsOf(zip: ZipReader): Generator<string> {
  for (const key of zip.keys()) if (key !== RECIPE_NAME) yield key;
}

async function readArray(zip: ZipReader, id: string): Promise<Floats> {
  const bytes = await asData(zip.read(id));
  if (!bytes) {
    throw new DataError(
      `${zip.path}: expected features of video ${id}, got none among ${zip.size} entries: make them first`,
    );
  }
  const array = decodeNpy(bytes, `${zip.path}: ${id}`);
  if (array.shape.length === 2) return array;
  throw new DataError(`${zip.path}: ${id}: expected features [n, Dv], got the shape [${array.shape.join(', ')}]`);
}

/** So many videos one after another that cannot be read are no accident: the others are not tried. */
const MOST_DAMAGED = 100;

/** The width of the first video that can be read: one damaged entry does not close the store. */
async function firstWidth(zip: ZipReader): Promise<number> {
  let last = new DataError(`${zip.path}: expected features, got an empty store: run the features command again`);
  let tried = 0;
  for (const id of idsOf(zip)) {
    if (tried++ === MOST_DAMAGED) {
      const got = `none among the first ${MOST_DAMAGED} of ${zip.size} (${last.message.replace(`${zip.path}: `, '')})`;
      throw new DataError({ where: zip.path, expected: 'features', got, advice: 'make the features again' });
    }
    try {
      const [, width] = (await readArray(zip, id)).shape;
      if (width > 0) return width;
      last = new DataError(`${zip.path}: ${id}: expected features [n, Dv], got a width of 0`);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      last = error;
    }
  }
  throw last;
}

async function readRecipe(zip: ZipReader): Promise<Recipe | undefined> {
  const bytes = await asData(zip.read(RECIPE_NAME));
  if (!bytes) return undefined;
  try {
    const recipe: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof recipe === 'object' && recipe !== null) return recipe as Recipe;
  } catch {
    // The same message as for JSON that is no object.
  }
  throw new DataError(`${zip.path}: ${RECIPE_NAME}: expected a JSON object`);
}
