import { packText, type TextEncoder, type TextLayout } from '@wbdc/tokenizer';
import { DataError, SkipCounter } from '../files/data-error.js';
import type { FeatureSource } from '../store/feature-source.js';
import { textsOf } from '../text/texts.js';
import type { Video } from '../wbdc/annotations.js';
import { Columns } from './columns.js';
import { PackedDataset, type Dataset } from './packed-dataset.js';
import { evenStride } from './sampling.js';
import type { ChooseTags } from './tag-lists.js';

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
   * The tags that count, by index, or what chooses them when all videos are read; without either examples carry no
   * tags.
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
  /**
   * Batches are read on a thread of their own, which starts with the first one: the one that trains has nothing to
   * decode. Close the data set then. Features that cannot be shared with threads are read on this one all the same.
   */
  readonly thread?: boolean;
  /** Counts bad videos; above its threshold the data set does not open. Default: at most 0.1 % may be bad. */
  readonly skipped?: SkipCounter;
}

/**
 * Reads all annotations, tokenises them, and joins them to their features.
 * @throws DataError when more videos are bad, duplicate or without features than `skipped` allows
 */
export async function openDataset(options: DatasetOptions): Promise<Dataset> {
  const { tokenizer, layout, tags, features, maxFrames = 32, stride = evenStride, randomFrames = true } = options;
  const skipped = options.skipped ?? new SkipCounter('videos', 0.001);
  const columns = Columns.create(tokenizer.vocabSize, layout.fields);
  const check = (): void => skipped.check(columns.size + skipped.count);
  const add = newAdder(options, columns, skipped);
  for await (const video of options.videos) add(video);
  check();
  if (columns.size === 0) {
    throw new DataError('expected at least one video with features, got none: are split and paths right?');
  }
  if (tags) columns.tags.choose(typeof tags === 'function' ? tags : () => tags);
  return new PackedDataset({
    ...{ columns, features, vocabSize: tokenizer.vocabSize, maxFrames, stride, randomFrames, skipped },
    thread: options.thread ?? false,
    onUnreadable: (error) => {
      skipped.add(error);
      check();
    },
  });
}

function newAdder(options: DatasetOptions, columns: Columns, skipped: SkipCounter): (video: Video) => void {
  const { features, tokenizer, layout, tags, texts = textsOf, missing = 'drop' } = options;
  return (video) => {
    const { id, categoryId, group } = video;
    if (!features.has(id)) {
      skipped.add(new DataError(`expected features of video ${id}, got none: run the features command`));
      if (missing === 'drop') return;
    }
    if (columns.has(id)) {
      skipped.add(new DataError(`expected every id once, got video ${id} twice: the first one stays`));
      return;
    }
    const text = packText(tokenizer, texts(video), layout);
    columns.add(id, { text, categoryId, group, tags: tags && video.tags });
  };
}
