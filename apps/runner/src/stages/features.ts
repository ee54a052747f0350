import { join } from 'node:path';
import {
  createFeatureStore,
  DataError,
  frameZipPath,
  openFeatureStore,
  readAnnotations,
  SkipCounter,
  type FeatureStoreWriter,
} from '@wbdc/data';
import { foldIn, randomKey } from '@wbdc/nn';
import { findCheckpoint, loadParams } from '@wbdc/train/node';
import {
  CLIP_PREPROCESSING,
  clipVision,
  extractFeatures,
  featureRecipe,
  type ClipVision,
  type ClipVisionParams,
  type FeatureRecipe,
  type Preprocessing,
  type Sampling,
  type VideoInput,
} from '@wbdc/video-features';
import { exists } from '../files.js';
import { counted } from '../format.js';
import { createProgress } from '../progress.js';
import type { Artifact, JsonObject, StageContext, StageResult } from '../stage.js';
import { visionConfigOf } from './clip.js';
import { allSplits, annotationsPath, dataRoot } from './data-root.js';
import { featureStorePath } from './feature-path.js';
import { decodeFrames } from './frame-decoding.js';

/** Every frame is kept: which of too many a model sees is drawn when it is trained. */
const SAMPLING: Sampling = { kind: 'all' };

/** The trained tower, and all that decides what its features look like. */
interface Extractor {
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
  readonly preprocessing: Preprocessing;
  readonly recipe: FeatureRecipe;
}

/** Runs the vision tower of the clip stage over every split's frames. */
export async function runFeaturesStage(context: StageContext): Promise<StageResult> {
  const checkpoint = await findCheckpoint(join(context.upstream('clip'), 'checkpoints'));
  const extractor = await loadExtractor(context, join(checkpoint, 'model.safetensors'));
  const read: Artifact[] = [{ path: checkpoint, about: `vision tower of width ${extractor.tower.config.width}` }];
  const made: Artifact[] = [];
  const splits: Record<string, JsonObject> = {};
  for (const split of allSplits(context.config.data)) {
    const videos = await listVideos(context, split);
    const stored = await extractSplit(context, extractor, split, videos);
    if (stored === undefined) return { status: 'interrupted', read, made, summary: { splits } };
    const skipped = videos.length - stored;
    splits[split] = { videos: stored, skipped };
    read.push({ path: annotationsPath(dataRoot(context), split), about: counted(videos.length, 'video') });
    made.push({
      path: featureStorePath(context.folder, split),
      about: `features of ${counted(stored, 'video')}${skipped > 0 ? `, ${skipped} skipped` : ''}`,
    });
  }
  return { status: 'complete', read, made, summary: { width: extractor.tower.config.width, splits } };
}

async function loadExtractor({ config }: StageContext, weights: string): Promise<Extractor> {
  const tower = clipVision(visionConfigOf(config.clip));
  const params = tower.init(foldIn(randomKey(0), 'overwritten'));
  await loadParams(weights, params, 'vision.');
  const preprocessing = { ...CLIP_PREPROCESSING, imageSize: tower.config.imageSize };
  return {
    tower,
    params,
    preprocessing,
    recipe: await featureRecipe({ tower, params, preprocessing, sampling: SAMPLING }),
  };
}

/** The videos of a split; a second record of the same id is counted as bad. */
async function listVideos(context: StageContext, split: string): Promise<VideoInput[]> {
  const root = dataRoot(context);
  const path = annotationsPath(root, split);
  const bad = new SkipCounter('records', context.config.data.maxBadShare);
  const videos = new Map<string, VideoInput>();
  for await (const { id } of readAnnotations(path, { onBad: bad.add })) {
    if (videos.has(id)) bad.add(new DataError(`${path}: expected every id once, got ${id} twice`));
    else videos.set(id, { id, path: frameZipPath(root, split, id) });
  }
  bad.check(videos.size + bad.count);
  return [...videos.values()];
}

/** How many videos a split has features of; nothing where the user interrupted: what is done is kept for the next time. */
async function extractSplit(
  context: StageContext,
  extractor: Extractor,
  split: string,
  videos: readonly VideoInput[],
): Promise<number | undefined> {
  const path = featureStorePath(context.folder, split);
  if (context.resume && (await exists(path))) return storedCount(path);
  const { recipe, tower } = extractor;
  const store = await createFeatureStore(path, { width: tower.config.width, recipe, resume: context.resume });
  try {
    const skipped = await fill(context, extractor, store, split, videos);
    await store.finish();
    return videos.length - skipped;
  } catch (error) {
    await store.suspend().catch(() => undefined); // the first error is the one to tell
    if (context.signal.aborted && error === context.signal.reason) return undefined;
    throw error;
  }
}

async function storedCount(path: string): Promise<number> {
  const store = await openFeatureStore(path);
  await store.close();
  return store.size;
}

/** Adds the features of all videos that the store has not yet; gives the number of those that could not be read. */
async function fill(
  context: StageContext,
  { tower, params, preprocessing }: Extractor,
  store: FeatureStoreWriter,
  split: string,
  videos: readonly VideoInput[],
): Promise<number> {
  const { config, output, signal } = context;
  const bad = new SkipCounter('videos', config.data.maxBadShare);
  const missing = videos.filter(({ id }) => !store.has(id));
  const there = videos.length - missing.length;
  const progress = createProgress(output, `videos of ${split}`);
  const features = extractFeatures({
    tower,
    params,
    videos: missing,
    preprocessing,
    sampling: SAMPLING,
    batchSize: config.features.batchSize,
    ahead: 8,
    decode: decodeFrames,
    onSkip: (_video, error) => bad.add(new DataError(error.message)),
    onProgress: (state) => progress.update(there + state.videos + state.skipped, videos.length),
    signal,
  });
  try {
    for await (const video of features) await store.add(video.id, video.features);
  } finally {
    progress.stop();
  }
  bad.check(videos.length);
  return bad.count;
}
