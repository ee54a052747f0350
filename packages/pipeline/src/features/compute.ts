import { availableParallelism } from 'node:os';
import { lacksVnni } from '@wbdc/checkpoints/node';
import {
  createFeatureStore,
  DataError,
  openFeatureStore,
  readSkipped,
  SkipCounter,
  wbdcLayout,
  writeSkipped,
  type FeatureStoreWriter,
  type Skipped,
} from '@wbdc/data';
import { exists, makeFolder } from '@wbdc/io';
import type { RemoteOptions } from '@wbdc/io/remote';
import { WbdcError } from '@wbdc/io/errors';
import { flatten } from '@wbdc/nn';
import {
  extractFeatures,
  recipeDifferences,
  type ComputeFeatures,
  type DecodeVideo,
  type ExtractProgress,
  type VideoInput,
} from '@wbdc/video-features';
import { onnxFeatures } from '@wbdc/video-features/onnx';
import { counted, formatNumber } from '@wbdc/report/format';
import type { Observer } from '../observer.js';
import type { FeatureExtractor } from './extractor.js';
import type { OnnxOptions } from '../trained/onnx.js';
import { shardOfList, type ShardIndex } from './shard.js';
import { filesOf, MAX_BAD_SHARE, readSplitIds, type FeatureFolders, type SplitFeatures } from './split.js';
import { zipDecoders } from './zip-decoders.js';

export interface ComputeFeaturesOptions extends FeatureFolders {
  readonly extractor: FeatureExtractor;
  /** Where `zip_frames/` stands, if not in `root`: a folder or an address (`https://`, `s3://`). */
  readonly frames?: string | undefined;
  /** How frames on a server are read. */
  readonly remote?: RemoteOptions;
  /** Images that pass through the tower at once. Default 64. */
  readonly batchSize?: number;
  /** Threads that decode pictures. Default: half of the processors, 8 at most. */
  readonly decodeThreads?: number | null;
  /**
   * ONNX Runtime, as `openTrained` takes it: the tower runs as one graph on it, on all processors, faster than kernel
   * by kernel on tfjs. Features of another `dtype` have another recipe: they do not go into one store.
   */
  readonly onnx?: OnnxOptions | undefined;
  /** Only a shard of each split's videos; {@link mergeFeatures} joins the stores of all shards. */
  readonly shard?: ShardIndex | undefined;
  /** Keep what an earlier call with the same extractor has stored, and go on from there. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal;
  readonly observer?: Observer;
}

/** A split whose features are stored. */
export interface ComputedFeatures extends SplitFeatures {
  /** Videos in its annotations. */
  readonly listed: number;
}

/**
 * Runs a vision tower over the frames of every split of a data set in the WBDC layout (`zip_frames/`) and stores
 * float16 features by id, one store a split; split after split, as they become complete. Videos that cannot be read are
 * listed in `<split>.skipped.tsv`. An aborted or killed run loses no video: `resume` goes on behind the last one.
 *
 * @throws DataError when more than `maxBadShare` of a split's videos cannot be read; the signal's reason when it is
 *   aborted
 */
export async function* computeFeatures(asked: ComputeFeaturesOptions): AsyncGenerator<ComputedFeatures> {
  const options = { ...asked, extractor: extractorOf(asked) };
  await makeFolder(options.out);
  const decoders = zipDecoders(options.decodeThreads, options.remote ?? {});
  const graph = await oneGraph(options);
  try {
    for (const split of options.splits) {
      const all = await readSplitIds(options.root, split, options.maxBadShare);
      const ids = shardOfList(all, options.shard);
      const job = { ...options, split, ids, listed: all.length, decode: decoders.decode, compute: graph?.compute };
      yield await computeSplit(job);
    }
  } finally {
    await Promise.all([decoders.close(), graph?.close()]);
  }
}

/** With a recipe that says in what its tower computes. @throws WbdcError `onnx-dtype` where it cannot */
function extractorOf({ extractor, onnx }: Pick<ComputeFeaturesOptions, 'extractor' | 'onnx'>): FeatureExtractor {
  const { dtype = 'fp32' } = onnx ?? {};
  if (dtype === 'fp32') return extractor;
  if (weightsOf(extractor) <= MOST_WEIGHTS) return { ...extractor, recipe: { ...extractor.recipe, dtype } };
  const [expected, got] = [`a tower of at most ${MOST_WEIGHTS} weights`, String(weightsOf(extractor))];
  throw new WbdcError({ where: `dtype '${dtype}'`, expected, got, code: 'onnx-dtype' });
}

function weightsOf({ params }: FeatureExtractor): number {
  return flatten({ ...params }).reduce((sum, { leaf }) => sum + leaf.size, 0);
}

/** More values do not fit into the file of a graph. */
const MOST_WEIGHTS = 500_000_000;

async function oneGraph({ extractor, onnx }: ComputeFeaturesOptions) {
  const { tower, params, output } = extractor;
  if (onnx === undefined || weightsOf(extractor) > MOST_WEIGHTS) return undefined;
  const { runtime, ...asked } = onnx;
  const session = { threads: availableParallelism(), reduceRange: asked.dtype === 'int8' && lacksVnni(), ...asked };
  return onnxFeatures(runtime, { config: tower.config, params, output, ...session });
}

interface SplitJob extends ComputeFeaturesOptions {
  readonly split: string;
  readonly ids: readonly string[];
  readonly listed: number;
  readonly decode: DecodeVideo;
  readonly compute: ComputeFeatures | undefined;
}

async function computeSplit(job: SplitJob): Promise<ComputedFeatures> {
  const { split, ids, listed, extractor, resume = false } = job;
  const { recipe, width } = extractor;
  const { store: path, skipped: skippedPath } = filesOf(job, split);
  if (resume && (await exists(path))) {
    const skipped = (await readSkipped(skippedPath)).size;
    return { split, path, videos: await storedCount(path, extractor), skipped, listed };
  }
  const store = await createFeatureStore(path, { width, recipe, resume });
  try {
    const skipped = await fillStore(job, store);
    await writeSkipped(skippedPath, skipped);
    await store.finish();
    return { split, path, videos: ids.length - skipped.size, skipped: skipped.size, listed };
  } catch (error) {
    await store.suspend().catch(() => undefined); // the first error is the one to report
    throw error;
  }
}

/** @throws DataError where the store is of another recipe than these features would be */
async function storedCount(path: string, { width, recipe }: FeatureExtractor): Promise<number> {
  const store = await openFeatureStore(path, { width }); // an empty shard alone does not say it
  await store.close();
  const different = recipeDifferences(recipe, store.recipe ?? {});
  if (different.length === 0) return store.size;
  throw new DataError(`${path}: expected features of the same recipe, got another:\n  ${different.join('\n  ')}`);
}

/** Adds the features of all videos that the store has not yet; returns those that could not be read. */
async function fillStore(job: SplitJob, store: FeatureStoreWriter): Promise<Skipped> {
  const { extractor, decode, compute, split, ids, listed, batchSize, observer, signal } = job;
  const bad = new SkipCounter('videos', job.maxBadShare ?? MAX_BAD_SHARE, 'maxBadShare');
  const skipped = new Map<string, string>();
  const missing = ids.filter((id) => !store.has(id));
  const present = ids.length - missing.length;
  if (present > 0) observer?.onMessage?.(`${split}: ${counted(present, 'video')} of ${ids.length} there already`);
  const progress = { noun: `videos of ${split}`, total: ids.length };
  let last: ExtractProgress | undefined;
  const features = extractFeatures({
    ...extractor,
    videos: inputs(job, missing),
    decode,
    compute,
    ...(batchSize !== undefined && { batchSize }),
    ...(signal && { signal }),
    onSkip: ({ id }, { message }) => {
      skipped.set(id, message);
      bad.add(new DataError(message));
    },
    onProgress: (state) => {
      last = state;
      const done = present + state.videos + state.skipped;
      observer?.onProgress?.({ ...progress, done, about: describeSpeed(state) });
    },
  });
  try {
    for await (const video of features) await store.add(video.id, video.features);
  } finally {
    const done = present + (last?.videos ?? 0) + (last?.skipped ?? 0);
    observer?.onProgress?.({ ...progress, done, ended: true });
  }
  if (last) observer?.onMessage?.(`${split}: ${describeSpeed(last)}; ${describeWaiting(last)}`);
  bad.check(listed); // of a shard, too: one bad video of few says little
  return skipped;
}

function* inputs({ root, frames, split }: SplitJob, ids: readonly string[]): Generator<VideoInput> {
  const layout = wbdcLayout(root, frames);
  for (const id of ids) yield { id, path: layout.frameZip(split, id) };
}

function describeSpeed({ videos, frames, seconds }: ExtractProgress): string {
  return `${formatNumber(videos / seconds)} videos/s  ${formatNumber(frames / seconds)} frames/s`;
}

function describeWaiting({ seconds, waited }: ExtractProgress): string {
  return `the tower waited for pictures ${formatNumber((100 * waited) / seconds)} % of the time`;
}
