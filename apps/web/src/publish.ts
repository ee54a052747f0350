import { copyFile, readdir, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { serializeSafetensors } from '@wbdc/checkpoints';
import {
  CATEGORY_NAMES_FILE,
  featureLayout,
  openFeatureStore,
  readDistinctVideos,
  wbdcLayout,
  type FeatureSource,
  type Video,
  type WbdcLayout,
} from '@wbdc/data';
import { readTruth } from '@wbdc/finetune/node';
import { exists, isTemporary, makeFolder, readJson, writeFileAtomic, writeJson } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { floats, type Floats } from '@wbdc/nn';
import { openTrained, type Observer } from '@wbdc/pipeline';
import { readSavedModel, saveTrained } from '@wbdc/pipeline/node';
import { readFrameZip } from '@wbdc/video-features';
import { bundlePage } from './bundle.js';
import { SITE_FILE, VIDEOS_FILE, type Site, type SiteCategory, type SiteVideo } from './site.js';

export interface PublishOptions {
  /** The pretraining: its stage or checkpoint, on tags. */
  readonly pretrained: string;
  /** The finished model of a finetuning for categories; without one the page has to train its own first. */
  readonly categories?: string | undefined;
  /** The vision tower of both, where that of the pretraining's run is not the one. */
  readonly tower?: string;
  /** Folder of the stored features of both splits. */
  readonly features: string;
  /** The data set, in the layout of WBDC. */
  readonly data: string;
  /** Gets the page and all that it needs: a folder for any web server. */
  readonly out: string;
  /** Split with labels, which the page may learn from; `labeled`. */
  readonly labelled?: string;
  /** Split to measure by; `test_a`. */
  readonly heldOut?: string;
  readonly observer?: Observer;
  readonly signal?: AbortSignal | undefined;
}

export interface PublishedSite {
  /** Open this, over HTTP: browsers load no modules from files. */
  readonly index: string;
  /** Videos of the collection. */
  readonly videos: number;
  /** Whether a model for categories is there, or the page has to train one. */
  readonly categories: boolean;
}

/**
 * Makes a page of what a run has made: its models, a collection of its videos with their embeddings, pictures and
 * features, and the program. The engine of tfjs is the caller's choice, made before.
 *
 * @throws TrainedError where there is no model or no vision tower; DataError where data or features are missing;
 *   WbdcError (`site-foreign`) where the folder holds other files than those of a page
 */
export async function publishSite(options: PublishOptions): Promise<PublishedSite> {
  const { pretrained, categories, out, labelled = 'labeled', heldOut = 'test_a', signal, observer = {} } = options;
  const say = (message: string): void => observer.onMessage?.(message);
  await makeFolder(out);
  await claim(out);
  await rm(join(out, SITE_FILE), { force: true }); // written last: with it the folder is a page
  const data = wbdcLayout(options.data);
  const tagged = join(out, 'models/tags');
  await saveTrained(pretrained, tagged, { observer, ...(options.tower !== undefined && { tower: options.tower }) });
  if (await exists(data.categories)) await copyFile(data.categories, join(tagged, CATEGORY_NAMES_FILE));
  if (categories !== undefined)
    await saveTrained(categories, join(out, 'models/categories'), { observer, tower: null });
  const collection = { data, features: featureLayout(options.features), out, signal };
  const rows = [...(await readSplit(collection, labelled, false)), ...(await readSplit(collection, heldOut, true))];
  const embedded = await embedAll(tagged, rows, signal);
  await writeFileAtomic(join(out, VIDEOS_FILE), serializeSafetensors(tensorsOf(rows, embedded.rows)));
  say(`${rows.length} videos, ${categories === undefined ? 'no model' : 'a model'} for categories`);
  await bundlePage(out);
  const licences = join(options.data, 'LICENSES.md');
  if (await exists(licences)) await copyFile(licences, join(out, 'LICENSES.md'));
  await writeJson(join(out, SITE_FILE), {
    version: 1,
    models: { tags: 'models/tags/', ...(categories !== undefined && { categories: 'models/categories/' }) },
    embeddedBy: embedded.model,
    videos: rows.map(({ video }) => video),
    categories: await readNames(data),
  } satisfies Site);
  return { index: join(out, 'index.html'), videos: rows.length, categories: categories !== undefined };
}

/** Stands in a folder from the start of its making: what else is there may be replaced. */
const CLAIM = '.wbdc-page';

/** A folder with files of someone else is left as it is: a page writes an `index.html` of its own. */
async function claim(out: string): Promise<void> {
  const found = (await readdir(out)).filter((name) => !isTemporary(name));
  if (found.length > 0 && !found.includes(CLAIM) && !(await isPage(out))) {
    throw new WbdcError({
      where: out,
      expected: 'an empty folder, or one with an earlier page',
      got: `one with ${found[0].slice(0, 100)}`,
      advice: 'choose another folder',
      code: 'site-foreign',
    });
  }
  await writeFileAtomic(join(out, CLAIM), '');
}

/** Whether a folder holds a page as those before {@link CLAIM} are. */
async function isPage(out: string): Promise<boolean> {
  return (await exists(join(out, SITE_FILE))) && (await exists(join(out, VIDEOS_FILE)));
}

/** The finished model of a finetuning stage, where it has learned categories. */
export async function categoryModelIn(stage: string): Promise<string | undefined> {
  const folder = join(stage, 'model');
  if (!(await exists(join(folder, 'state.json')))) return undefined;
  return (await readSavedModel(folder)).kind === 'category' ? folder : undefined;
}

interface Collection {
  readonly data: WbdcLayout;
  readonly features: ReturnType<typeof featureLayout>;
  readonly out: string;
  readonly signal: AbortSignal | undefined;
}

interface Row {
  readonly video: SiteVideo;
  readonly features: Floats;
}

/** The videos of a split that have features, with their pictures copied. */
async function readSplit({ data, features, out, signal }: Collection, split: string, heldOut: boolean): Promise<Row[]> {
  const store: FeatureSource = await openFeatureStore(features.store(split));
  const truth = (await exists(data.truth(split))) ? await readTruth(data.truth(split)) : new Map<string, string>();
  try {
    await makeFolder(join(out, 'pictures'));
    const rows: Row[] = [];
    for await (const video of readDistinctVideos(data.annotations(split), { onBad: () => undefined })) {
      signal?.throwIfAborted();
      if (!store.has(video.id)) continue;
      const read = await store.read(video.id);
      const category = truth.get(video.id) ?? video.categoryId;
      const picture = await copyPicture(data.frameZip(split, video.id), out, video.id);
      rows.push({ video: siteVideo(video, { category, heldOut, frames: read.shape[0], picture }), features: read });
    }
    return rows;
  } finally {
    await store.close();
  }
}

type Known = Pick<SiteVideo, 'heldOut' | 'frames' | 'picture'> & { readonly category: string | undefined };

function siteVideo({ id, title, asr, ocr, tags = [] }: Video, { category, ...known }: Known): SiteVideo {
  const lines = ocr.map(({ text }) => text).join('\n');
  return { id, title, asr, ocr: lines, tags, ...(category !== undefined && { category }), ...known };
}

/** The first frame as it is. */
async function copyPicture(zip: string, out: string, id: string): Promise<string> {
  const [first] = await readFrameZip(zip);
  const path = `pictures/${id}${extname(first.name).toLowerCase()}`;
  await writeFileAtomic(join(out, path), first.bytes);
  return path;
}

async function embedAll(source: string, rows: readonly Row[], signal: AbortSignal | undefined) {
  const model = await openTrained(source);
  try {
    const inputs = rows.map(({ video: { id, title, ocr, asr }, features }) => ({ id, title, ocr, asr, features }));
    const embedded = await model.embed(inputs, { ...(signal && { signal }) });
    if (embedded.length === rows.length) return { rows: embedded.map(({ embedding }) => embedding), model: model.hash };
    throw new WbdcError({ where: source, expected: `${rows.length} embeddings`, got: String(embedded.length) });
  } finally {
    await model.close();
  }
}

/** `[N, D]` and `[n, Dv]`. */
function tensorsOf(rows: readonly Row[], embeddings: readonly Float32Array[]) {
  const tables = rows.map(({ features }) => features);
  return { embeddings: joined(embeddings), features: joined(tables.flatMap(rowsOf)) };
}

function rowsOf({ data, shape: [count, width] }: Floats): Float32Array[] {
  return Array.from({ length: count }, (_, i) => data.subarray(i * width, (i + 1) * width));
}

function joined(rows: readonly Float32Array[]): Floats {
  const table = floats([rows.length, rows[0]?.length ?? 0]);
  rows.forEach((row, i) => table.data.set(row, i * row.length));
  return table;
}

async function readNames({ categories }: WbdcLayout): Promise<Record<string, SiteCategory>> {
  return (await exists(categories)) ? ((await readJson(categories)) as Record<string, SiteCategory>) : {};
}
