import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import type { Communicator } from '@wbdc/distributed';
import {
  bert,
  foldIn,
  groupRows,
  hideEqual,
  linear,
  meanPool,
  newBert,
  newLinear,
  rowsIn,
  withRows,
  type Bert,
  type BertConfig,
  type Floats,
  type Ints,
  type Key,
  type Linear,
  type LossResult,
} from '@wbdc/nn';
import { clipVision, type ClipVisionConfig, type ClipVisionParams } from '@wbdc/clip-model';
import {
  contrastiveLoss,
  dividedContrastiveLoss,
  logScaleOf,
  newTemperature,
  type ContrastiveOptions,
  type Temperature,
} from './contrastive.js';

export { INITIAL_LOG_SCALE, clampLogScale, contrastiveLoss } from './contrastive.js';

/**
 * Videos with pixels instead of features: N frames of B videos, and one token row per video. Further rows, M of them,
 * are titles of earlier batches: wrong answers for all.
 */
export interface ClipBatch {
  readonly ids: readonly string[];
  /** Normalised pixels `[N, 3, S, S]`. */
  readonly pixels: Floats;
  /** Which video each frame belongs to `[N]`, as an index into the batch. */
  readonly owner: Int32Array;
  /** `[B + M, L]` each. */
  readonly tokens: Ints;
  readonly segments: Ints;
  readonly textMask: Ints;
  /** Where several processes share a batch and this is the part of one of them. */
  readonly shared?: SharedClip;
}

/** The titles of a batch alone. */
export type ClipTitles = Pick<ClipBatch, 'tokens' | 'segments' | 'textMask'>;

/** What a process knows of the whole batch. */
export interface SharedClip {
  readonly communicator: Communicator;
  /** Numbers of the token rows in the whole batch `[Q + M]`, by which dropout draws. */
  readonly rows: Int32Array;
  /** B of all processes, and how many videos stand before those of this one. */
  readonly total: number;
  readonly first: number;
  /** `[B, B + M]`: see {@link equalClips}. */
  readonly hidden: Float32Array | undefined;
}

/** What hides the titles that are right answers too: of videos of the same title, or of the same pictures. */
export function equalClips(
  titles: readonly string[],
  pictures: readonly string[],
  past: readonly string[],
): Float32Array | undefined {
  const groups = (names: readonly string[]): Int32Array => Int32Array.from(names, (name) => names.indexOf(name));
  const behind = past.map((_, i) => titles.length + i);
  return hideEqual(
    titles.map((_, i) => i),
    groups([...titles, ...past]),
    Int32Array.of(...groups(pictures), ...behind),
  );
}

export interface ClipConfig extends ContrastiveOptions {
  readonly vision: ClipVisionConfig;
  readonly text: BertConfig;
}

export interface ClipParams extends Temperature {
  readonly vision: ClipVisionParams;
  readonly text: Bert;
  /** From the text's width to the vision tower's. */
  readonly projection: Linear;
}

/**
 * The CLIP stage of WBDC 2022: some random frames per video through the vision tower, `pooler_output`, mean over the
 * frames; the title through a text BERT, masked mean. The published models are equally wide; the projection of the text
 * makes other pairs possible.
 */
export function clip(config: ClipConfig) {
  const tower = clipVision(config.vision);
  const embedFrames = (params: ClipParams, batch: ClipBatch): Tensor2D => {
    const pixels = tf.tensor4d(batch.pixels.data, batch.pixels.shape as [number, number, number, number]);
    const { pooled } = tower.pool(params.vision, pixels); // [N, D]
    return tf.matMul(averaging(batch.owner, batch.ids.length), pooled); // [B, D]
  };
  const embedText = (params: ClipParams, batch: ClipTitles, dropout?: Key): Tensor2D =>
    linear(meanPool(bert(params.text, batch, config.text, dropout), batch.textMask), params.projection); // [B + M, D]
  return {
    init: (key: Key): ClipParams => ({
      vision: tower.init(foldIn(key, 'vision')),
      text: newBert(foldIn(key, 'text'), config.text),
      projection: newLinear(foldIn(key, 'projection'), config.text.hiddenSize, config.vision.width),
      ...newTemperature('clip', config),
    }),
    /** One vector per video from its frames `[B, D]`, and one per token row `[B + M, D]`; not normalised. */
    embedFrames,
    embedText,
    loss: (params: ClipParams, batch: ClipBatch, key?: Key): LossResult =>
      tf.tidy(() => {
        const { shared } = batch;
        const dropout = withRows(key, shared?.rows);
        const [frames, titles] = [embedFrames(params, batch), embedText(params, batch, dropout)];
        if (shared) return sharedLoss(frames, titles, shared, logScaleOf(params, config), config);
        return contrastiveLoss(frames, titles, logScaleOf(params, config), { ...config, hidden: equalAnswers(batch) });
      }),
  };
}

function sharedLoss(
  left: Tensor2D,
  titles: Tensor2D,
  { communicator, total, first, hidden }: SharedClip,
  logScale: tf.Scalar,
  config: ContrastiveOptions,
): LossResult {
  const [count, width] = left.shape;
  const past = titles.shape[0] - count;
  const right: Tensor2D = tf.slice(titles, [0, 0], [count, width]); // [Q, D]
  const behind: Tensor2D | undefined = past > 0 ? tf.slice(titles, [count, 0], [past, width]) : undefined;
  const rows = { communicator, left, right, past: behind, count, total, first };
  return dividedContrastiveLoss(rows, logScale, { ...config, hidden });
}

/** Videos of the same title, or of the same pictures, which are no wrong answers for each other. */
function equalAnswers({ ids, pixels, owner, tokens }: ClipBatch): Float32Array | undefined {
  const titles = groupRows(rowsIn(tokens.data, tokens.shape[1]));
  const size = pixels.data.length / pixels.shape[0];
  const pictures = groupRows(rowsIn(pixels.data, size));
  const shown = ids.map((_, video) => pictures.filter((_group, frame) => owner[frame] === video));
  const videos = groupRows(shown);
  const past = Array.from({ length: titles.length - videos.length }, (_, i) => videos.length + i);
  return hideEqual(
    ids.map((_, i) => i),
    titles,
    Int32Array.of(...videos, ...past),
  );
}

/** `[B, N]`: row b holds 1 / n for each of the n frames of video b. */
function averaging(owner: Int32Array, videos: number): Tensor2D {
  const counts = new Float64Array(videos);
  for (const video of owner) counts[video]++;
  const weights = new Float32Array(videos * owner.length);
  owner.forEach((video, frame) => (weights[video * owner.length + frame] = 1 / counts[video]));
  return tf.tensor2d(weights, [videos, owner.length]);
}
