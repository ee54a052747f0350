import { DataError, frameZipPath, randomSubset, type SkipCounter, type Video } from '@wbdc/data';
import { floats, foldIn, ints, type Ints, type Key } from '@wbdc/nn';
import type { ClipBatch } from '@wbdc/pretrain-tasks/clip';
import { packText, type Tokenizer } from '@wbdc/tokenizer';
import {
  CLIP_PREPROCESSING,
  normalize,
  SourceError,
  STATISTICS,
  type DecodeVideo,
  type Image,
} from '@wbdc/video-features';
import { PictureCache, pictureOf } from './picture-cache.js';

/** A title with the place of its frames. */
interface Entry {
  readonly id: string;
  readonly tokens: readonly number[];
  readonly archive: string;
}

export interface ClipVideosOptions {
  /** Root of the data set. */
  readonly root: string;
  readonly tokenizer: Tokenizer;
  /** The texts of a video as they are tokenised. */
  readonly texts: (video: Video) => Record<string, string>;
  /** Most tokens of a title. */
  readonly budget: number;
  readonly imageSize: number;
  readonly skipped: SkipCounter;
  readonly decode: DecodeVideo;
}

/** Titles in memory and frames on disk, for the CLIP stage. */
export class ClipVideos {
  readonly #entries: Entry[] = [];
  readonly #pictures: PictureCache;
  /** Counted once, not every epoch. */
  readonly #unreadable = new Set<string>();

  constructor(private readonly options: ClipVideosOptions) {
    const preprocessing = { ...CLIP_PREPROCESSING, imageSize: options.imageSize };
    this.#pictures = new PictureCache(options.decode, { preprocessing, sampling: { kind: 'all' } });
  }

  get size(): number {
    return this.#entries.length;
  }

  get lengths(): Int32Array {
    return Int32Array.from(this.#entries, ({ tokens }) => tokens.length);
  }

  add(split: string, video: Video): void {
    const { tokenizer, budget, root, texts } = this.options;
    const { id } = video;
    const { tokens } = packText(tokenizer, texts(video), { fields: ['title'], budget, separatorFirst: false });
    this.#entries.push({ id, tokens, archive: frameZipPath(root, split, id) });
  }

  /**
   * The batch of some videos with at most `limit` frames each, a random sorted subset by the key or all of them without.
   * Videos whose frames cannot be read are counted and left out. Titles of `past` videos stand behind the others.
   */
  async batch(indices: readonly number[], limit: number, key?: Key, past: readonly number[] = []): Promise<ClipBatch> {
    const entries = indices.map((index) => this.#entries[index]);
    const read = await Promise.all(entries.map(async (entry) => ({ entry, images: await this.#frames(entry) })));
    const videos = read
      .filter(({ images }) => images.length > 0)
      .map(({ entry, images }) => ({ entry, images: key ? choose(images, limit, foldIn(key, entry.id)) : images }));
    if (videos.length === 0) {
      throw new DataError(`expected frames of ${entries.map(({ id }) => id).join(', ')}, got none that can be read`);
    }
    return {
      ids: videos.map(({ entry }) => entry.id),
      ...pixelsOf(videos.map(({ images }) => images)),
      ...rowsOf([...videos.map(({ entry }) => entry.tokens), ...this.#titles(past, entries)]),
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
  #titles(indices: readonly number[], others: readonly Entry[]): (readonly number[])[] {
    const known = new Set(others.map(({ tokens }) => String(tokens)));
    return indices.map((index) => this.#entries[index].tokens).filter((tokens) => !known.has(String(tokens)));
  }

  async #frames({ id, archive }: Entry): Promise<Image[]> {
    if (this.#unreadable.has(id)) return [];
    try {
      const decoded = await this.#pictures.read({ id, path: archive });
      return Array.from({ length: decoded.count }, (_, i) => pictureOf(decoded, i, this.options.imageSize));
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#unreadable.add(id);
      this.options.skipped.add(new DataError(error.message));
      this.options.skipped.check(this.size);
      return [];
    }
  }
}

function choose(images: readonly Image[], limit: number, key: Key): Image[] {
  if (images.length <= limit) return [...images];
  return Array.from(randomSubset(key, images.length, limit), (place) => images[place]);
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
