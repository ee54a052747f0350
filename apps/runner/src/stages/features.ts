import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import {
  createFeatureStore,
  DataError,
  frameZipPath,
  openFeatureStore,
  SkipCounter,
  type FeatureStoreWriter,
} from '@wbdc/data';
import { exists } from '@wbdc/io';
import { flatten } from '@wbdc/nn';
import {
  extractFeatures,
  type DecodeVideo,
  type ExtractOptions,
  type ExtractProgress,
  type VideoInput,
} from '@wbdc/video-features';
import { onnxFeatures } from '@wbdc/video-features/onnx';
import { counted, formatNumber } from '../format.js';
import { createProgress } from '../progress.js';
import { partOfList } from '../shard.js';
import type { Artifact, JsonObject, StageContext, StageResult } from '../stage.js';
import { allSplits, annotationsPath, dataRoot } from './data-root.js';
import { featureStorePath, listIds, readSkipped, writeSkipped, type Skipped } from './feature-files.js';
import { frameDecoders } from './frame-decoding.js';
import { loadExtractor, type Extractor } from './tower.js';

/** Runs the vision tower over every split's frames, or over a shard of each. */
export async function runFeaturesStage(context: StageContext): Promise<StageResult> {
  const extractor = await loadExtractor(context);
  const decoders = frameDecoders(context.config);
  const graph = await oneGraph(context, extractor);
  try {
    return await extractSplits(context, { ...extractor, compute: graph?.compute }, decoders.decode);
  } finally {
    await Promise.all([decoders.close(), graph?.close()]);
  }
}

/** More does not fit into the file of a graph. */
const MOST_WEIGHTS = 500_000_000;

/** On ONNX Runtime the tower runs as one graph, faster than kernel by kernel. */
async function oneGraph({ config }: StageContext, { tower, params, output }: Extractor) {
  const weights = flatten({ ...params }).reduce((sum, { leaf }) => sum + leaf.size, 0);
  if (tf.getBackend() !== 'ort' || weights > MOST_WEIGHTS) return undefined;
  const threads = config.threads ?? availableParallelism();
  return onnxFeatures(await import('onnxruntime-node'), { config: tower.config, params, output, threads });
}

type RunningExtractor = Extractor & Pick<ExtractOptions, 'compute'>;

async function extractSplits(
  context: StageContext,
  extractor: RunningExtractor,
  decode: DecodeVideo,
): Promise<StageResult> {
  const read: Artifact[] = [extractor.read];
  const made: Artifact[] = [];
  const splits: Record<string, JsonObject> = {};
  for (const split of allSplits(context.config.data)) {
    const all = await listIds(context, split);
    const job = { context, extractor, decode, split, ids: partOfList(all, context.shard), ofSplit: all.length };
    const counts = await extractSplit(job);
    if (counts === undefined) return { status: 'interrupted', read, made, summary: { splits } };
    splits[split] = counts;
    read.push({ path: annotationsPath(dataRoot(context), split), about: counted(all.length, 'video') });
    made.push({ path: featureStorePath(context.folder, split), about: describeStore(counts) });
  }
  return { status: 'complete', read, made, summary: { width: extractor.width, splits } };
}

export function describeStore({ videos, skipped }: { readonly videos: number; readonly skipped: number }): string {
  return `features of ${counted(videos, 'video')}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** What is to be done for one split. */
interface SplitJob {
  readonly context: StageContext;
  readonly extractor: RunningExtractor;
  readonly decode: DecodeVideo;
  readonly split: string;
  readonly ids: readonly string[];
  /** Videos of the whole split, of which `ids` may be a shard. */
  readonly ofSplit: number;
}

type SplitCounts = { readonly videos: number; readonly skipped: number };

/** How many videos of a split have features; nothing where the user interrupted: what is done is kept for the next time. */
async function extractSplit(job: SplitJob): Promise<SplitCounts | undefined> {
  const { context, split, extractor } = job;
  const { folder, resume, signal } = context;
  const path = featureStorePath(folder, split);
  if (resume && (await exists(path))) {
    return { videos: await storedCount(path, extractor.width), skipped: (await readSkipped(folder, split)).size };
  }
  const { recipe, width } = extractor;
  const store = await createFeatureStore(path, { width, recipe, resume });
  try {
    const skipped = await fill(job, store);
    await writeSkipped(folder, split, skipped);
    await store.finish();
    return { videos: job.ids.length - skipped.size, skipped: skipped.size };
  } catch (error) {
    await store.suspend().catch(() => undefined); // the first error is the one to tell
    if (signal.aborted && error === signal.reason) return undefined;
    throw error;
  }
}

async function storedCount(path: string, width: number): Promise<number> {
  const store = await openFeatureStore(path, { width }); // of an empty shard nothing else says it
  await store.close();
  return store.size;
}

/** Adds the features of all videos that the store has not yet; gives those that could not be read. */
async function fill({ context, extractor, decode, split, ids, ofSplit }: SplitJob, store: FeatureStoreWriter) {
  const { config, output, signal } = context;
  const bad = new SkipCounter('videos', config.data.maxBadShare, 'data.maxBadShare');
  const skipped = new Map<string, string>();
  const missing = ids.filter((id) => !store.has(id));
  const there = ids.length - missing.length;
  if (there > 0) output.say(`${split}: ${counted(there, 'video')} of ${ids.length} there already`);
  const progress = createProgress(output, `videos of ${split}`);
  let last: ExtractProgress | undefined;
  const features = extractFeatures({
    ...extractor,
    videos: inputs(dataRoot(context), split, missing),
    batchSize: config.features.batchSize,
    decode,
    signal,
    onSkip: ({ id }, { message }) => {
      skipped.set(id, message);
      bad.add(new DataError(message));
    },
    onProgress: (state) => {
      last = state;
      progress.update(there + state.videos + state.skipped, ids.length, speedOf(state));
    },
  });
  try {
    for await (const video of features) await store.add(video.id, video.features);
  } finally {
    progress.stop();
  }
  if (last) output.say(`${split}: ${speedOf(last)}; ${waitingOf(last)}`);
  bad.check(ofSplit); // of a shard, too: one bad video of few says little
  return skipped as Skipped;
}

function* inputs(root: string, split: string, ids: readonly string[]): Generator<VideoInput> {
  for (const id of ids) yield { id, path: frameZipPath(root, split, id) };
}

function speedOf({ videos, frames, seconds }: ExtractProgress): string {
  return `${formatNumber(videos / seconds)} videos/s  ${formatNumber(frames / seconds)} frames/s`;
}

function waitingOf({ seconds, waited }: ExtractProgress): string {
  return `the tower waited for pictures ${formatNumber((100 * waited) / seconds)} % of the time`;
}
