import { WbdcError } from '@wbdc/io/errors';
import { floats, type Floats } from '@wbdc/nn';
import type { ComputeFeatures } from './compute-features.js';
import type { DecodedVideo } from './decode-frames.js';
import { SourceError } from './errors.js';
import { STATISTICS, normalize, type Preprocessing } from './pixels.js';

/** Frames that pass through the tower at once. */
const BATCH_SIZE = 64;

/** The features of one video. */
export interface VideoFeatures {
  readonly id: string;
  /** `[n, D]`, or `[n, E]` when projected. */
  readonly features: Floats;
  /** Seconds from the start of each frame, where the source has times. */
  readonly times?: readonly number[];
}

/** A video, and its frames or features; or why there are none. */
export interface Decoded<V> {
  readonly video: V;
  readonly result: DecodedVideo | VideoFeatures | SourceError;
}

export interface DecodeAheadOptions<V> {
  readonly videos: Iterable<V> | AsyncIterable<V>;
  /** Gives a video's frames, or its features where those are at hand. What is the video's fault is a `SourceError`. */
  readonly decode: (video: V) => Promise<DecodedVideo | VideoFeatures>;
  /** Videos that are decoded ahead of the tower at least; 4, more of them where they are shorter than a batch. */
  readonly ahead?: number;
  /** And at most; two batches of frames, one frame each, by default. */
  readonly mostAhead?: number;
  /** Frames of a batch. */
  readonly batchSize?: number;
}

/**
 * Decodes several videos at a time and gives them in order: so many that the next two batches of frames are under way.
 * Memory is bounded by these frames, and by `ahead` videos.
 */
export async function* decodeAhead<V>(options: DecodeAheadOptions<V>): AsyncGenerator<Decoded<V>> {
  const { videos, decode, ahead = 4, batchSize = BATCH_SIZE, mostAhead = 2 * batchSize } = options;
  const waiting: Promise<Decoded<V>>[] = [];
  const seen = { videos: 0, frames: 0 };
  const next = async (): Promise<Decoded<V>> => {
    const decoded = await waiting.shift()!;
    seen.videos++;
    seen.frames += frameCount(decoded.result);
    return decoded;
  };
  for await (const video of videos) {
    const started = decodeOne(video, decode);
    started.catch(() => undefined); // thrown when its turn comes
    waiting.push(started);
    const videosOfBatches = Math.ceil((2 * batchSize * seen.videos) / Math.max(1, seen.frames));
    while (waiting.length > Math.max(ahead, Math.min(videosOfBatches, mostAhead))) yield await next();
  }
  while (waiting.length > 0) yield await next();
}

/** What is the video's fault is a result. */
async function decodeOne<V>(video: V, decode: DecodeAheadOptions<V>['decode']): Promise<Decoded<V>> {
  const result = await decode(video).catch((error: unknown) => {
    if (error instanceof SourceError) return error;
    throw error;
  });
  return { video, result };
}

function frameCount(result: Decoded<unknown>['result']): number {
  if (result instanceof SourceError) return 0;
  return 'features' in result ? result.features.shape[0] : result.count;
}

export interface ThroughTowerOptions {
  readonly compute: ComputeFeatures;
  readonly statistics: Preprocessing['statistics'];
  /** Frames that pass through the tower at once, across videos; 64. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A video with its features, or why there are none. */
export interface Featured<V> {
  readonly video: V;
  readonly result: VideoFeatures | SourceError;
}

/**
 * Decoded videos to features, in their order, those that cannot be read too. Frames of several videos share a batch.
 */
export async function* throughTower<V>(
  decoded: AsyncIterable<Decoded<V>>,
  options: ThroughTowerOptions,
): AsyncGenerator<Featured<V>> {
  const batcher = new FrameBatcher<V>(options);
  for await (const one of decoded) {
    options.signal?.throwIfAborted();
    await batcher.add(one);
    yield* batcher.takeDone();
  }
  await batcher.flush();
  yield* batcher.takeDone();
}

interface Pending<V> {
  readonly video: V;
  readonly frames: DecodedVideo | undefined;
  /** In the making where there are frames. */
  result: VideoFeatures | SourceError | undefined;
  /** Frames whose features are in. */
  done: number;
}

/** Fills batches of frames across videos, and hands their features back to the videos. */
class FrameBatcher<V> {
  readonly #compute: ComputeFeatures;
  readonly #statistics;
  readonly #batchSize: number;
  /** Of a batch `[N, 3, S, S]`; made for the first video that has frames. */
  #pixels = new Float32Array();
  /** Oldest first. */
  #videos: Pending<V>[] = [];
  #filled = 0;

  constructor({ compute, statistics, batchSize = BATCH_SIZE }: ThroughTowerOptions) {
    this.#compute = compute;
    this.#statistics = STATISTICS[statistics];
    this.#batchSize = batchSize;
  }

  async add({ video, result }: Decoded<V>): Promise<void> {
    if (result instanceof SourceError || 'features' in result) {
      this.#videos.push({ video, frames: undefined, result, done: 0 });
      return;
    }
    this.#videos.push({ video, frames: result, result: undefined, done: 0 });
    const { pixels, count } = result;
    const frame = pixels.length / count;
    const side = Math.sqrt(frame / 3);
    if (this.#pixels.length === 0) this.#pixels = new Float32Array(this.#batchSize * frame);
    for (let i = 0; i < count; i++) {
      const image = { width: side, height: side, data: pixels.subarray(i * frame, (i + 1) * frame) };
      normalize(image, this.#statistics, this.#pixels, this.#filled++ * frame);
      if (this.#filled === this.#batchSize) await this.flush();
    }
  }

  /** Runs the frames that wait through the tower. */
  async flush(): Promise<void> {
    const count = this.#filled;
    if (count === 0) return;
    const frame = this.#pixels.length / this.#batchSize;
    const values = await this.#compute(this.#pixels.subarray(0, count * frame), count); // [N, D]
    this.#filled = 0;
    this.#share(values, values.length / count);
    await otherTasks();
  }

  #share(values: Float32Array, width: number): void {
    let from = 0;
    for (const pending of this.#videos) {
      if (pending.frames === undefined) continue;
      const { id, count, times } = pending.frames;
      pending.result ??= { id, features: floats([count, width]), ...(times && { times }) };
      const rows = Math.min(count - pending.done, values.length / width - from);
      const slice = values.subarray(from * width, (from + rows) * width);
      assertFinite(slice, id);
      (pending.result as VideoFeatures).features.data.set(slice, pending.done * width);
      pending.done += rows;
      from += rows;
    }
  }

  takeDone(): Featured<V>[] {
    const waiting = this.#videos.findIndex(({ frames, done }) => frames !== undefined && done < frames.count);
    const done = this.#videos.splice(0, waiting < 0 ? this.#videos.length : waiting);
    return done.map(({ video, result }) => ({ video, result: result! }));
  }
}

/** Engines in this process block: decoders then report and start their next video. */
function otherTasks(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve);
    else setTimeout(resolve);
  });
}

function assertFinite(values: Float32Array, id: string): void {
  if (values.every(Number.isFinite)) return;
  throw new WbdcError(`expected finite features for video ${id}, got NaN or infinity: check the tower's weights`);
}
