import type { ClipVision, ClipVisionParams } from '@wbdc/clip-model';
import { towerFeatures, type ComputeFeatures } from './compute-features.js';
import { decodeVideo, type DecodeVideo, type VideoInput } from './decode-video.js';
import { SourceError } from './errors.js';
import { decodeAhead, throughTower, type VideoFeatures } from './feature-stream.js';
import { CLIP_PREPROCESSING, type Preprocessing } from './pixels.js';
import { DEFAULT_SAMPLING, type Sampling } from './sampling.js';
import type { OpenOptions } from './sources/open.js';

/** Counts of a run so far. */
export interface ExtractProgress {
  /** Videos whose features are out. */
  readonly videos: number;
  readonly frames: number;
  readonly skipped: number;
  /** Seconds since the start. */
  readonly seconds: number;
  /** Of these, how long the tower had nothing to do because no picture was ready. */
  readonly waited: number;
  /** And how long it computed. */
  readonly computed: number;
}

export interface ExtractOptions extends OpenOptions {
  readonly tower: ClipVision;
  readonly params: ClipVisionParams;
  /** Computes in place of tfjs's engine; see `onnxFeatures` of `@wbdc/video-features/onnx`. */
  readonly compute?: ComputeFeatures | undefined;
  readonly videos: Iterable<VideoInput> | AsyncIterable<VideoInput>;
  /** CLIP's own at the tower's image size, unless said otherwise. */
  readonly preprocessing?: Preprocessing;
  readonly sampling?: Sampling;
  /** `pooled` (the default) gives D values a frame, `projected` E. */
  readonly output?: 'pooled' | 'projected';
  /** Frames that pass through the tower at once, across videos; 64. */
  readonly batchSize?: number;
  /** Videos that are decoded ahead of the tower at least; 4, more of them where they are shorter than a batch. */
  readonly ahead?: number;
  /** What decodes: this thread by default, or `decodeWorkers`. */
  readonly decode?: DecodeVideo;
  /** Told of every video that cannot be read. Without it such a video ends the run. */
  readonly onSkip?: (video: VideoInput, error: SourceError) => void;
  readonly onProgress?: (progress: ExtractProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Videos to frame features, in the order of the videos. Frames of several videos share a batch, and the next videos are
 * decoded while the tower computes.
 *
 * @throws what is not the fault of one video: a full disk, an engine, weights that give values that are not finite
 */
export async function* extractFeatures(options: ExtractOptions): AsyncGenerator<VideoFeatures> {
  const preprocessing = preprocessingOf(options);
  const { decode = decodeVideo, sampling = DEFAULT_SAMPLING, limits, backend, compute, onSkip, ...ahead } = options;
  const settings = { preprocessing, sampling, ...(limits && { limits }), ...(backend && { backend }) };
  const progress = newProgress(options.onProgress);
  const decoded = decodeAhead({ ...ahead, decode: (video) => decode(video, settings) });
  const featured = throughTower(progress.waiting(decoded), {
    ...ahead,
    statistics: preprocessing.statistics,
    compute: progress.computing(compute ?? towerFeatures(options)),
  });
  for await (const { video, result } of featured) {
    if (result instanceof SourceError) {
      if (!onSkip) throw result;
      onSkip(video, result);
      progress.count({ skipped: 1 });
      continue;
    }
    progress.count({ videos: 1, frames: result.features.shape[0] });
    yield result;
  }
}

/** Counts, and measures what of the time is spent waiting and computing. */
function newProgress(onProgress: ExtractOptions['onProgress']) {
  const counts = { videos: 0, frames: 0, skipped: 0 };
  const times = { waited: 0, computed: 0 };
  const start = performance.now();
  const timed = async <T>(name: keyof typeof times, promise: Promise<T>): Promise<T> => {
    const began = performance.now();
    const value = await promise;
    times[name] += (performance.now() - began) / 1000;
    return value;
  };
  return {
    count: (more: Partial<typeof counts>): void => {
      for (const [name, value] of Object.entries(more)) counts[name as keyof typeof counts] += value;
      onProgress?.({ ...counts, ...times, seconds: (performance.now() - start) / 1000 });
    },
    computing:
      (compute: ComputeFeatures): ComputeFeatures =>
      (pixels, count) =>
        timed('computed', compute(pixels, count)),
    waiting: async function* <T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
      try {
        for (;;) {
          const { done, value } = await timed('waited', items.next());
          if (done) return;
          yield value;
        }
      } finally {
        await items.return(undefined); // whoever stops early closes the source of videos too
      }
    },
  };
}

function preprocessingOf({ tower, preprocessing, output }: ExtractOptions): Preprocessing {
  const { imageSize, projection } = tower.config;
  if (output === 'projected' && !projection) {
    throw new RangeError('expected a tower with a projection for the output projected, got one without: use pooled');
  }
  const settings = preprocessing ?? { ...CLIP_PREPROCESSING, imageSize };
  if (settings.imageSize === imageSize) return settings;
  throw new RangeError(`expected preprocessing to the tower's ${imageSize} pixels, got ${settings.imageSize}`);
}
