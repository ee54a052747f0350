import { floats, foldIn, type Batch, type Floats, type Key } from '@wbdc/nn';
import { packText, type TextEncoder, type TextLayout } from '@wbdc/tokenizer';
import { DataError, SkipCounter } from '../files/data-error.js';
import type { FeatureSource } from '../store/feature-store.js';
import { Growing } from '../store/growing.js';
import { IdIndex } from '../store/id-index.js';
import type { Video } from '../wbdc/annotations.js';
import { collate, type Example } from './collate.js';
import { PackedTexts } from './packed-texts.js';
import { evenStride, randomSubset } from './sampling.js';
import { TagLists, type ChooseTags } from './tag-lists.js';

export interface DatasetOptions {
  /** For example `readAnnotations(path, { onBad: skipped.add })`. */
  readonly videos: Iterable<Video> | AsyncIterable<Video>;
  readonly features: FeatureSource;
  /** A `Tokenizer` of @wbdc/tokenizer. */
  readonly tokenizer: TextEncoder & { readonly vocabSize: number };
  readonly layout: TextLayout;
  /** The text of each of the layout's fields; `textsOf` where nothing else is given. */
  readonly texts?: (video: Video) => Record<string, string>;
  /**
   * The tags that count, by index, or what chooses them when all videos are read; without either examples carry no tags.
   */
  readonly tags?: readonly string[] | ChooseTags;
  /** F, the most frames of a video; 32 where nothing else is given. */
  readonly maxFrames?: number;
  /** Which frames evaluation takes of more than `maxFrames`; an even stride where nothing else is given. */
  readonly stride?: (count: number, limit: number) => Int32Array;
  /** false: training too takes the frames of evaluation, not a random subset. */
  readonly randomFrames?: boolean;
  /** A video without features: left out (default), or kept with its text alone, frame mask zero. */
  readonly missing?: 'drop' | 'mask';
  /** Counts bad videos; above its threshold the data set does not open. Default: at most 0.1 % may be bad. */
  readonly skipped?: SkipCounter;
}

/** Videos as a model reads them: text tokenised once and kept in memory, frame features read when asked for. */
export interface Dataset {
  readonly size: number;
  /** V and T, for statistics over the whole set. */
  readonly vocabSize: number;
  readonly tagCount: number;
  /** The tags that count, by index. */
  readonly tags: readonly string[];
  /** Dv */
  readonly frameSize: number;
  /** Text tokens of each example: what batches are bucketed by. */
  readonly lengths: Int32Array;
  /** What was left out or could not be read, each video once. */
  readonly skipped: SkipCounter;
  length(i: number): number;
  id(i: number): string;
  /** All but the frames, without a read of the disk. */
  text(i: number): Omit<Example, 'frames'>;
  /**
   * Without a key the frames are the even stride; with one, the random subset of that key and this video.
   * Unreadable features count as missing: no frames, until the threshold is passed.
   */
  example(i: number, key?: Key): Promise<Example>;
}

/** Title, ASR and all OCR lines in the order of time: the fields of the WBDC layout. */
export function textsOf(video: Video): Record<string, string> {
  const lines = [...video.ocr].sort((a, b) => a.time - b.time);
  return { title: video.title, asr: video.asr, ocr: lines.map((line) => line.text).join(' ') };
}

/**
 * Reads all annotations, tokenises them, and joins them to their features.
 * @throws DataError when more videos are bad, duplicate or without features than `skipped` allows
 */
export async function openDataset(options: DatasetOptions): Promise<Dataset> {
  const dataset = new PackedDataset(options);
  for await (const video of options.videos) dataset.add(video);
  dataset.finish();
  return dataset;
}

/** Examples `indices` of a data set as a batch; the key of a training step draws their frames. */
export async function readBatch(dataset: Dataset, indices: readonly number[], key?: Key): Promise<Batch> {
  const batch = collate(await Promise.all(indices.map((i) => dataset.example(i, key))));
  // Where tags count, videos that came without any have none, be it the whole batch.
  return dataset.tagCount > 0 && !batch.tags ? { ...batch, tags: indices.map(() => []) } : batch;
}

class PackedDataset implements Dataset {
  readonly vocabSize: number;
  readonly frameSize: number;
  readonly skipped: SkipCounter;
  private readonly ids = new IdIndex();
  private readonly texts: PackedTexts;
  private readonly categories = new Growing((length) => new Int32Array(length));
  private readonly categoryNames = new IdIndex();
  private readonly tagLists = new TagLists();
  private readonly unreadable = new Set<number>();
  private cachedLengths: Int32Array | undefined;

  constructor(private readonly options: DatasetOptions) {
    this.vocabSize = options.tokenizer.vocabSize;
    this.frameSize = options.features.width;
    this.skipped = options.skipped ?? new SkipCounter('videos', 0.001);
    this.texts = new PackedTexts(this.vocabSize, options.layout.fields);
  }

  get size(): number {
    return this.ids.size;
  }

  get tags(): readonly string[] {
    return this.tagLists.list;
  }

  get tagCount(): number {
    return this.tags.length;
  }

  get lengths(): Int32Array {
    return (this.cachedLengths ??= Int32Array.from({ length: this.size }, (_, i) => this.texts.length(i)));
  }

  add(video: Video): void {
    const { features, tokenizer, layout, texts = textsOf, missing = 'drop' } = this.options;
    if (!features.has(video.id)) {
      this.skipped.add(new DataError(`expected features of video ${video.id}, got none: run the features command`));
      if (missing === 'drop') return;
    }
    if (this.ids.add(video.id) < 0) {
      this.skipped.add(new DataError(`expected every id once, got video ${video.id} twice: the first one stays`));
      return;
    }
    this.texts.add(packText(tokenizer, texts(video), layout));
    this.categories.push(video.categoryId === undefined ? -1 : this.numberCategory(video.categoryId));
    if (this.options.tags) this.tagLists.add(video.tags);
  }

  /** After the last video. */
  finish(): void {
    this.check();
    if (this.size === 0)
      throw new DataError('expected at least one video with features, got none: are split and paths right?');
    const { tags } = this.options;
    if (tags) this.tagLists.choose(typeof tags === 'function' ? tags : () => tags);
  }

  length(i: number): number {
    return this.texts.length(i);
  }

  id(i: number): string {
    return this.ids.at(i);
  }

  text(i: number): Omit<Example, 'frames'> {
    const category = this.categories.at(i);
    const tags = this.tagLists.get(i);
    return {
      id: this.id(i),
      ...this.texts.get(i),
      ...(tags && { tags }),
      ...(category >= 0 && { categoryId: this.categoryNames.at(category) }),
    };
  }

  async example(i: number, key?: Key): Promise<Example> {
    const text = this.text(i);
    const features = await this.readFeatures(i, text.id);
    const [count] = features.shape;
    const { maxFrames = 32, stride = evenStride, randomFrames = true } = this.options;
    if (count <= maxFrames) return { ...text, frames: features };
    const places =
      key && randomFrames ? randomSubset(foldIn(key, text.id), count, maxFrames) : stride(count, maxFrames);
    return { ...text, frames: takeRows(features, places) };
  }

  /** Bad videos against all of them. */
  private check(): void {
    this.skipped.check(this.size + this.skipped.count);
  }

  private numberCategory(name: string): number {
    const known = this.categoryNames.get(name);
    return known >= 0 ? known : this.categoryNames.add(name);
  }

  private async readFeatures(i: number, id: string): Promise<Floats> {
    const { features } = this.options;
    const none = floats([0, features.width]);
    if (!features.has(id)) return none;
    try {
      return await features.read(id);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      if (!this.unreadable.has(i)) {
        this.unreadable.add(i);
        this.skipped.add(error);
        this.check();
      }
      return none;
    }
  }
}

function takeRows({ data, shape: [, width] }: Floats, rows: Int32Array): Floats {
  const taken = floats([rows.length, width]);
  rows.forEach((row, i) => taken.data.set(data.subarray(row * width, (row + 1) * width), i * width));
  return taken;
}
