import { STRIDES, type SharedDataset } from './shared-dataset.js';
import { floats, foldIn, type Batch, type Floats, type Key } from '@wbdc/nn/plain';
import { DataError, SkipCounter, type OnBad } from '../files/data-error.js';
import type { FeatureDraw, FeatureSource } from '../store/feature-source.js';
import { openSharedSource } from '../store/shared-source.js';
import { BatchReader } from './batch-reader.js';
import { collate, type Example } from './collate.js';
import { Columns } from './columns.js';
import { randomSubset } from './sampling.js';

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
  /** Examples as a batch, read on the data set's thread where it has one: see {@link readBatch}. */
  batch(indices: readonly number[], key?: Key): Promise<Batch>;
  /** What another thread needs to read the same examples; undefined where features or stride cannot be shared. */
  share(): SharedDataset | undefined;
  /** Ends the thread, if there is one; batches in hand are rejected. The features stay open. */
  close(): Promise<void>;
}

/** Examples `indices` of a data set as a batch; the key of a training step draws their frames. */
export function readBatch(dataset: Dataset, indices: readonly number[], key?: Key): Promise<Batch> {
  return dataset.batch(indices, key);
}

/** What a data set consists of. */
export interface DatasetContents {
  readonly columns: Columns;
  readonly features: FeatureSource;
  readonly vocabSize: number;
  readonly maxFrames: number;
  /** Whether training takes a random subset of more frames, or the stride too. */
  readonly randomFrames: boolean;
  readonly stride: (count: number, limit: number) => Int32Array;
  readonly skipped: SkipCounter;
  /** Whether batches are read on another thread. */
  readonly thread: boolean;
  /** Told of every video whose features cannot be read, once. */
  readonly onUnreadable: OnBad;
}

/** Opens what another thread has open; `onUnreadable` gets videos whose features cannot be read, once each. */
export async function openSharedDataset(shared: SharedDataset, onUnreadable: OnBad): Promise<Dataset> {
  return new PackedDataset({
    ...shared,
    columns: Columns.of(shared.columns),
    features: await openSharedSource(shared.features),
    stride: STRIDES[shared.stride],
    skipped: new SkipCounter('videos', 1),
    thread: false,
    onUnreadable,
  });
}

export class PackedDataset implements Dataset {
  private readonly unreadable = new Set<number>();
  /** Starts with the first batch; null where there is none. */
  private reader: BatchReader | null | undefined;
  private cachedLengths: Int32Array | undefined;

  constructor(private readonly contents: DatasetContents) {}

  get vocabSize(): number {
    return this.contents.vocabSize;
  }

  get tags(): readonly string[] {
    return this.contents.columns.tags.list;
  }

  get tagCount(): number {
    return this.tags.length;
  }

  get frameSize(): number {
    return this.contents.features.width;
  }

  get skipped(): SkipCounter {
    return this.contents.skipped;
  }

  get size(): number {
    return this.contents.columns.size;
  }

  get lengths(): Int32Array {
    return (this.cachedLengths ??= Int32Array.from({ length: this.size }, (_, i) => this.length(i)));
  }

  length(i: number): number {
    return this.contents.columns.length(i);
  }

  id(i: number): string {
    return this.contents.columns.id(i);
  }

  text(i: number): Omit<Example, 'frames'> {
    return this.contents.columns.text(i);
  }

  async example(i: number, key?: Key): Promise<Example> {
    const text = this.text(i);
    const { maxFrames, stride, randomFrames } = this.contents;
    const draw = key && { key: foldIn(key, text.id), ...(randomFrames && { limit: maxFrames }) };
    const features = await this.readFeatures(i, text.id, draw);
    const [count] = features.shape;
    if (count <= maxFrames) return { ...text, frames: features };
    const indices =
      key && randomFrames ? randomSubset(foldIn(key, text.id), count, maxFrames) : stride(count, maxFrames);
    return { ...text, frames: takeRows(features, indices) };
  }

  async batch(indices: readonly number[], key?: Key): Promise<Batch> {
    this.reader ??= this.startReader();
    if (this.reader) return this.reader.read(indices, key);
    const batch = collate(await Promise.all(indices.map((i) => this.example(i, key))));
    // Where tags count, videos that came without any have none, be it the whole batch.
    return this.tagCount > 0 && !batch.tags ? { ...batch, tags: indices.map(() => []) } : batch;
  }

  async close(): Promise<void> {
    await this.reader?.close();
  }

  share(): SharedDataset | undefined {
    const { columns, features, vocabSize, maxFrames, randomFrames, stride } = this.contents;
    const source = features.share?.();
    const name = (Object.keys(STRIDES) as (keyof typeof STRIDES)[]).find((key) => STRIDES[key] === stride);
    if (!source || !name) return undefined;
    return { columns: columns.share(), features: source, vocabSize, maxFrames, randomFrames, stride: name };
  }

  private startReader(): BatchReader | null {
    const shared = this.contents.thread ? this.share() : undefined;
    return shared ? new BatchReader(shared, this.contents.onUnreadable) : null;
  }

  private async readFeatures(i: number, id: string, draw?: FeatureDraw): Promise<Floats> {
    const { features, onUnreadable } = this.contents;
    const none = floats([0, features.width]);
    if (!features.has(id)) return none;
    try {
      return await (draw && features.draw ? features.draw(id, draw) : features.read(id));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      if (!this.unreadable.has(i)) {
        this.unreadable.add(i);
        onUnreadable(error);
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
