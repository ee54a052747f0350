import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { floats, type Floats } from '@wbdc/nn';
import type { ClipVision, ClipVisionParams } from '@wbdc/clip-model';
import { decodeVideo, type DecodeVideo, type DecodedVideo, type VideoInput } from './decode-video.js';
import { SourceError } from './errors.js';
import { CLIP_PREPROCESSING, STATISTICS, normalize, type Preprocessing } from './preprocess.js';
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

/** Features `[N, D]` of normalised pixels `[N, 3, S, S]`; what it is given is only good until it answers. */
export type ComputeFeatures = (pixels: Float32Array, count: number) => Promise<Float32Array>;

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

const BATCH_SIZE = 64;

/** The features of one video. */
export interface VideoFeatures {
  readonly id: string;
  /** `[n, D]`, or `[n, E]` when projected. */
  readonly features: Floats;
  /** Seconds from the start of each frame, where the source has times. */
  readonly times?: readonly number[];
}

/**
 * Videos to frame features, in the order of the videos. Frames of several videos share a batch, and the next videos are
 * decoded while the tower computes.
 *
 * @throws what is not the fault of one video: a full disk, an engine, weights that give values that are not finite
 */
export async function* extractFeatures(options: ExtractOptions): AsyncGenerator<VideoFeatures> {
  const preprocessing = preprocessingOf(options);
  const batcher = new Batcher(options, preprocessing);
  const progress = newProgress(options, batcher);
  const emit = function* (): Generator<VideoFeatures> {
    for (const done of batcher.takeDone()) {
      progress.count({ videos: 1, frames: done.features.shape[0] });
      yield done;
    }
  };
  for await (const { video, result } of progress.waiting(decodeAhead(options, preprocessing))) {
    options.signal?.throwIfAborted();
    if (result instanceof SourceError) {
      if (!options.onSkip) throw result;
      options.onSkip(video, result);
      progress.count({ skipped: 1 });
      continue;
    }
    await batcher.add(result);
    yield* emit();
  }
  await batcher.flush();
  yield* emit();
}

/** Counts, and measures what of the time is spent waiting. */
function newProgress({ onProgress }: ExtractOptions, tower: { readonly milliseconds: number }) {
  const counts = { videos: 0, frames: 0, skipped: 0 };
  const start = performance.now();
  let waited = 0;
  return {
    count: (more: Partial<typeof counts>): void => {
      for (const [name, value] of Object.entries(more)) counts[name as keyof typeof counts] += value;
      const seconds = (performance.now() - start) / 1000;
      onProgress?.({ ...counts, seconds, waited: waited / 1000, computed: tower.milliseconds / 1000 });
    },
    waiting: async function* <T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
      for (;;) {
        const asked = performance.now();
        const { done, value } = await items.next();
        waited += performance.now() - asked;
        if (done) return;
        yield value;
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

interface Decoded {
  readonly video: VideoInput;
  readonly result: DecodedVideo | SourceError;
}

/**
 * Decodes several videos at a time and gives them in order: so many that the next two batches are under way. Memory is
 * bounded by these frames, and by `ahead` videos.
 */
async function* decodeAhead(options: ExtractOptions, preprocessing: Preprocessing): AsyncGenerator<Decoded> {
  const { videos, ahead = 4, batchSize = BATCH_SIZE } = options;
  const start = decoder(options, preprocessing);
  const waiting: Promise<Decoded>[] = [];
  const seen = { videos: 0, frames: 0 };
  const next = async (): Promise<Decoded> => {
    const decoded = await waiting.shift()!;
    seen.videos++;
    seen.frames += decoded.result instanceof SourceError ? 0 : decoded.result.count;
    return decoded;
  };
  for await (const video of videos) {
    const started = start(video);
    started.catch(() => undefined); // thrown when its turn comes
    waiting.push(started);
    const videosOfBatches = Math.ceil((2 * batchSize * seen.videos) / Math.max(1, seen.frames));
    while (waiting.length > Math.max(ahead, Math.min(videosOfBatches, 2 * batchSize))) yield await next();
  }
  while (waiting.length > 0) yield await next();
}

/** Decodes a video; what is the video's fault is a result. */
function decoder(options: ExtractOptions, preprocessing: Preprocessing): (video: VideoInput) => Promise<Decoded> {
  const { decode = decodeVideo, sampling = DEFAULT_SAMPLING, limits, backend } = options;
  const settings = { preprocessing, sampling, ...(limits && { limits }), ...(backend && { backend }) };
  return async (video) => {
    const result = await decode(video, settings).catch((error: unknown) => {
      if (error instanceof SourceError) return error;
      throw error;
    });
    return { video, result };
  };
}

interface Pending {
  readonly video: DecodedVideo;
  readonly features: Floats;
  /** Frames whose features are in. */
  done: number;
}

/** Fills batches of frames across videos, and hands their features back to the videos. */
class Batcher {
  readonly #options: ExtractOptions;
  readonly #statistics;
  readonly #size: number;
  readonly #width: number;
  readonly #pixels: Float32Array;
  /** That the tower has computed. */
  milliseconds = 0;
  /** Oldest first. */
  #videos: Pending[] = [];
  #filled = 0;

  constructor(options: ExtractOptions, { imageSize, statistics }: Preprocessing) {
    const { width, projection } = options.tower.config;
    this.#options = options;
    this.#statistics = STATISTICS[statistics];
    this.#size = imageSize;
    this.#width = options.output === 'projected' ? (projection ?? 0) : width;
    this.#pixels = new Float32Array((options.batchSize ?? BATCH_SIZE) * imageSize ** 2 * 3);
  }

  async add(video: DecodedVideo): Promise<void> {
    this.#videos.push({ video, features: floats([video.count, this.#width]), done: 0 });
    const { pixels, count } = video;
    const frame = this.#size ** 2 * 3;
    for (let i = 0; i < count; i++) {
      const image = { width: this.#size, height: this.#size, data: pixels.subarray(i * frame, (i + 1) * frame) };
      normalize(image, this.#statistics, this.#pixels, this.#filled++ * frame);
      if (this.#filled * frame === this.#pixels.length) await this.flush();
    }
  }

  /** Runs the frames that wait through the tower. */
  async flush(): Promise<void> {
    if (this.#filled === 0) return;
    const values = await this.#run(this.#filled); // [N, D]
    this.#filled = 0;
    let from = 0;
    for (const pending of this.#videos) {
      const rows = Math.min(pending.video.count - pending.done, values.length / this.#width - from);
      const part = values.subarray(from * this.#width, (from + rows) * this.#width);
      assertFinite(part, pending.video.id);
      pending.features.data.set(part, pending.done * this.#width);
      pending.done += rows;
      from += rows;
    }
    await setImmediate(); // engines in this process block: let decoders report and start their next video
  }

  async #run(count: number): Promise<Float32Array> {
    const { compute = computeWith(this.#options) } = this.#options;
    const start = performance.now();
    const values = await compute(this.#pixels.subarray(0, count * this.#size ** 2 * 3), count);
    this.milliseconds += performance.now() - start;
    return values;
  }

  takeDone(): VideoFeatures[] {
    const waiting = this.#videos.findIndex(({ video, done }) => done < video.count);
    const done = this.#videos.splice(0, waiting < 0 ? this.#videos.length : waiting);
    return done.map(({ video: { id, times }, features }) => ({ id, features, ...(times && { times }) }));
  }
}

/**
 * The tower on tfjs's engine. A picture alone gets company: products with a single row add up in another order, and a
 * video's features must not depend on what was in its batch.
 */
function computeWith({ tower, params, output = 'pooled' }: ExtractOptions): ComputeFeatures {
  const { imageSize: size } = tower.config;
  return async (pixels, count) => {
    const result = tf.tidy(() => {
      const images = new Float32Array(Math.max(2, count) * size ** 2 * 3); // a copy: engines may keep it
      images.set(pixels);
      return tower.pool(params, tf.tensor4d(images, [Math.max(2, count), 3, size, size]))[output]!;
    });
    try {
      return Float32Array.from((await result.data()).subarray(0, count * result.shape[1]));
    } finally {
      result.dispose();
    }
  };
}

function assertFinite(values: Float32Array, id: string): void {
  if (values.every(Number.isFinite)) return;
  throw new Error(`expected finite features for video ${id}, got NaN or infinity: check the tower's weights`);
}
