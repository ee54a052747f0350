import { DataError, type SkipCounter } from '@wbdc/data';
import { floats, foldIn, ints, type Ints, type Key } from '@wbdc/nn';
import type { ClipBatch } from '@wbdc/pretrain-tasks/clip';
import { packText, type Tokenizer } from '@wbdc/tokenizer';
import {
  CLIP_PREPROCESSING,
  normalize,
  SourceError,
  STATISTICS,
  type DecodeVideo,
  type FrameDraw,
  type Image,
} from '@wbdc/video-features';
import { PictureCache, pictureOf } from '../data/picture-cache.js';
import { newSkipCounter, readSplits, type SplitTexts } from '../data/video-set.js';
import type { ClipSettings } from '../settings/clip.js';
import type { TextSettings } from '../settings/text.js';
import { textReader } from '../text.js';

/** A title with the path of its frames. */
export interface ClipEntry {
  readonly id: string;
  readonly tokens: readonly number[];
  readonly archive: string;
}

/** A split with the frames of its videos. */
export interface ClipSplit extends SplitTexts {
  /** Path of a video's frames, by its id. */
  readonly pathOf: (id: string) => string;
}

export interface OpenClipVideosOptions {
  readonly splits: readonly ClipSplit[];
  readonly tokenizer: Tokenizer;
  /** How titles are cleaned. */
  readonly text: Pick<TextSettings, 'cleaning'>;
  readonly settings: Pick<ClipSettings, 'text' | 'vision'> & Partial<Pick<ClipSettings, 'resize' | 'augment'>>;
  /** Decodes frames: see `zipDecoders`. */
  readonly decode: DecodeVideo;
  /** Share of bad videos that are skipped and counted; above it they are an error. Default 0.001. */
  readonly maxBadShare?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the titles of splits; frames are read when a batch asks for them. */
export async function openClipVideos(options: OpenClipVideosOptions): Promise<ClipVideos> {
  const { splits, tokenizer, text, settings, decode, signal } = options;
  const skipped = newSkipCounter(options);
  const videos = new ClipVideos(decode, settings.vision.imageSize, skipped, settings);
  const texts = textReader(text);
  const layout = { fields: ['title'], budget: settings.text.budget, separatorFirst: false };
  for (const split of splits) {
    const before = videos.size;
    for await (const video of readSplits([split], { skipped, signal })) {
      const { tokens } = packText(tokenizer, texts(video), layout);
      videos.add({ id: video.id, tokens, archive: split.pathOf(video.id) });
    }
    videos.splits.push({ name: split.name, annotations: split.annotations, videos: videos.size - before });
  }
  return videos;
}

/** Titles in memory and frames on disk, to train a vision tower against titles. */
export class ClipVideos {
  readonly #entries: ClipEntry[] = [];
  readonly #pictures: PictureCache;
  /** Counted once, not every epoch. */
  readonly #unreadable = new Set<string>();

  private readonly augment: boolean;

  /** Videos of each split. */
  readonly splits: { readonly name: string; readonly annotations: string; readonly videos: number }[] = [];

  constructor(
    decode: DecodeVideo,
    private readonly imageSize: number,
    private readonly skipped: SkipCounter,
    { resize = null, augment = false }: Partial<Pick<ClipSettings, 'resize' | 'augment'>> = {},
  ) {
    this.augment = augment;
    const preprocessing = { ...CLIP_PREPROCESSING, imageSize, ...(resize !== null && { resize }) };
    this.#pictures = new PictureCache(decode, { preprocessing, sampling: { kind: 'all' } });
  }

  get size(): number {
    return this.#entries.length;
  }

  get lengths(): Int32Array {
    return Int32Array.from(this.#entries, ({ tokens }) => tokens.length);
  }

  add(entry: ClipEntry): void {
    this.#entries.push(entry);
  }

  /**
   * The batch of some videos with at most `limit` frames each, a random sorted subset by the key, which alone are
   * decoded, or all of them without. Videos whose frames cannot be read are counted and left out. Titles of `past`
   * videos stand behind the others, but for those that one of `all` has.
   */
  async batch(
    indices: readonly number[],
    limit: number,
    key?: Key,
    past: readonly number[] = [],
    all: readonly number[] = indices,
  ): Promise<ClipBatch> {
    const entries = indices.map((index) => this.#entries[index]);
    const drawOf = ({ id }: ClipEntry): FrameDraw => {
      if (key === undefined) return {};
      const own = foldIn(key, id);
      return { take: { limit, key: own }, ...(this.augment && { augment: foldIn(own, 'augment') }) };
    };
    const read = await Promise.all(
      entries.map(async (entry) => ({ entry, images: await this.#frames(entry, drawOf(entry)) })),
    );
    const videos = read.filter(({ images }) => images.length > 0);
    if (videos.length === 0) {
      throw new DataError(`expected frames of ${entries.map(({ id }) => id).join(', ')}, got none that can be read`);
    }
    return {
      ids: videos.map(({ entry }) => entry.id),
      ...pixelsOf(videos.map(({ images }) => images)),
      ...rowsOf([...videos.map(({ entry }) => entry.tokens), ...this.#titles(past, all)]),
    };
  }

  /** All videos in their order with all their frames, batch after batch. */
  async *inOrder(batchSize: number): AsyncGenerator<ClipBatch> {
    for (let start = 0; start < this.size; start += batchSize) {
      const count = Math.min(batchSize, this.size - start);
      yield await this.batch(
        Array.from({ length: count }, (_, i) => start + i),
        Infinity,
      );
    }
  }

  /** Titles of some videos that none of the others has: those would not be wrong answers. */
  #titles(indices: readonly number[], others: readonly number[]): (readonly number[])[] {
    const known = new Set(others.map((index) => String(this.#entries[index].tokens)));
    return indices.map((index) => this.#entries[index].tokens).filter((tokens) => !known.has(String(tokens)));
  }

  async #frames({ id, archive }: ClipEntry, draw: FrameDraw): Promise<Image[]> {
    if (this.#unreadable.has(id)) return [];
    try {
      const decoded = await this.#pictures.read({ id, path: archive }, draw);
      return Array.from({ length: decoded.count }, (_, i) => pictureOf(decoded, i, this.imageSize));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#unreadable.add(id);
      this.skipped.add(new DataError(error.message));
      this.skipped.check(this.size);
      return [];
    }
  }
}

function pixelsOf(videos: readonly (readonly Image[])[]): Pick<ClipBatch, 'pixels' | 'owner'> {
  const images = videos.flat();
  const side = images[0].width;
  const pixels = floats([images.length, 3, side, side]);
  images.forEach((image, i) => normalize(image, STATISTICS.clip, pixels.data, i * 3 * side * side));
  return { pixels, owner: Int32Array.from(videos.flatMap((frames, video) => frames.map(() => video))) };
}

function rowsOf(rows: readonly (readonly number[])[]): { tokens: Ints; segments: Ints; textMask: Ints } {
  const width = Math.max(...rows.map((row) => row.length));
  const tokens = ints([rows.length, width]);
  const textMask = ints([rows.length, width]);
  rows.forEach((row, i) => {
    tokens.data.set(row, i * width);
    textMask.data.fill(1, i * width, i * width + row.length);
  });
  return { tokens, segments: ints(tokens.shape), textMask };
}
