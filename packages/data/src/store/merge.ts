import type { RemoteOptions } from '@wbdc/io/remote';
import { ZipWriter, type ZipReader } from '@wbdc/io/zip';
import { asData, DataError, refuse, type OnBad } from '../files/data-error.js';
import { openFeatureStore, openStoreZip, RECIPE_NAME } from './feature-store.js';
import { decodeNpy } from './npy.js';

export interface MergeOptions {
  /** Told after every video. */
  readonly onVideo?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Joins stores, such as the shards of one features run, into one; their arrays are copied as they are, after a check.
 * The result appears only when it is complete. Returns the number of videos.
 *
 * @throws DataError when recipes or widths differ, a video stands in two stores, or an array is damaged
 */
export async function mergeFeatureStores(
  inputs: readonly string[],
  output: string,
  options: MergeOptions = {},
): Promise<number> {
  const recipe = await commonRecipe(inputs);
  const writer = await ZipWriter.create(output);
  try {
    if (recipe) await writer.add(RECIPE_NAME, recipe);
    const width = { value: undefined as number | undefined };
    for (const input of inputs) await copyArrays(input, writer, width, options);
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return writer.size - Number(recipe !== undefined);
}

async function commonRecipe(inputs: readonly string[]): Promise<Uint8Array | undefined> {
  const recipes = await Promise.all(inputs.map((input) => withZip(input, (zip) => zip.read(RECIPE_NAME))));
  const text = (recipe: Uint8Array | undefined) => recipe && new TextDecoder().decode(recipe);
  const other = recipes.findIndex((recipe) => text(recipe) !== text(recipes[0]));
  if (other < 0) return recipes[0];
  throw new DataError(`${inputs[other]}: expected features of the same recipe as in ${inputs[0]}, got another`);
}

function copyArrays(
  input: string,
  writer: ZipWriter,
  width: { value: number | undefined },
  { onVideo, signal }: MergeOptions,
): Promise<void> {
  return withZip(input, async (zip) => {
    for (const id of zip.keys()) {
      if (id === RECIPE_NAME) continue;
      signal?.throwIfAborted();
      const bytes = (await zip.read(id))!;
      const { shape } = decodeNpy(bytes, `${input}: ${id}`);
      width.value ??= shape[1];
      if (shape.length !== 2 || shape[1] !== width.value) {
        throw new DataError(`${input}: ${id}: expected features [n, ${width.value}], got [${shape.join(', ')}]`);
      }
      await writer.add(`${id}.npy`, bytes);
      onVideo?.();
    }
  });
}

async function withZip<T>(path: string, use: (zip: ZipReader) => Promise<T>): Promise<T> {
  const zip = await openStoreZip(path);
  try {
    return await asData(use(zip));
  } finally {
    await zip.close();
  }
}

export interface StoreReport {
  readonly videos: number;
  readonly frames: number;
  /** Videos that cannot be read, or have no frames. */
  readonly bad: number;
  /** Expected videos that are not there. */
  readonly missing: number;
}

export interface VerifyOptions extends MergeOptions {
  readonly width?: number;
  /** How a store on a server is read. */
  readonly remote?: RemoteOptions | undefined;
  /** Ids that must be there. */
  readonly expected?: Iterable<string>;
  readonly onBad?: OnBad;
}

/** Reads a whole store, checks every array, and says what is wrong with it through `onBad`. */
export async function verifyFeatureStore(path: string, options: VerifyOptions = {}): Promise<StoreReport> {
  const { width, remote } = options;
  const store = await openFeatureStore(path, { ...(width !== undefined && { width }), ...(remote && { remote }) });
  const report = { videos: store.size, frames: 0, bad: 0, missing: 0 };
  try {
    for (const id of options.expected ?? []) {
      if (store.has(id)) continue;
      report.missing++;
      refuse(new DataError(`${path}: expected features of video ${id}, got none`), options.onBad);
    }
    for (const id of store.ids) {
      options.signal?.throwIfAborted();
      try {
        const [frames] = (await store.read(id)).shape;
        if (frames === 0) throw new DataError(`${path}: ${id}: expected at least one frame, got none`);
        report.frames += frames;
      } catch (error) {
        report.bad++;
        refuse(error, options.onBad);
      }
      options.onVideo?.();
    }
    return report;
  } finally {
    await store.close();
  }
}
