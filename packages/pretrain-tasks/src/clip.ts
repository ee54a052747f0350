import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import {
  bert,
  countCorrect,
  differentiable,
  foldIn,
  l2Normalize,
  linear,
  meanPool,
  newBert,
  newLinear,
  parameter,
  symmetricInfoNce,
  type Bert,
  type BertConfig,
  type Floats,
  type Ints,
  type Key,
  type Linear,
  type LossResult,
} from '@wbdc/nn';
import { clipVision, type ClipVisionConfig, type ClipVisionParams } from '@wbdc/video-features';

/** Videos with pixels instead of features: N frames of B videos, and one token row per video. */
export interface ClipBatch {
  readonly ids: readonly string[];
  /** Normalised pixels `[N, 3, S, S]`. */
  readonly pixels: Floats;
  /** Which video each frame belongs to `[N]`, as an index into the batch. */
  readonly owner: Int32Array;
  /** `[B, L]` each. */
  readonly tokens: Ints;
  readonly segments: Ints;
  readonly textMask: Ints;
}

export interface ClipConfig {
  readonly vision: ClipVisionConfig;
  readonly text: BertConfig;
}

export interface ClipParams {
  readonly vision: ClipVisionParams;
  readonly text: Bert;
  /** From the text's width to the vision tower's. */
  readonly projection: Linear;
  /** Logarithm of the inverse temperature. */
  readonly logScale: Scalar;
}

/** Start and bound of the learnable temperature, as in CLIP: 0.07, and at least 0.01. */
export const INITIAL_LOG_SCALE = Math.log(1 / 0.07);
const MAX_LOG_SCALE = Math.log(100);

/** Keeps the temperature in its bounds, yet lets a gradient through that leads back inside. */
export function clampLogScale(logScale: Scalar): Scalar {
  return differentiable(
    [logScale],
    () => ({ value: tf.minimum(logScale, MAX_LOG_SCALE), saved: [] }),
    (dy) => [dy],
  );
}

/**
 * The contrastive loss of CLIP (arXiv 2103.00020) for matching rows of two sets of vectors `[B, D]` of any length, with
 * the share of frames (and of texts) whose own partner is the most similar of the batch.
 */
export function contrastiveLoss(frames: Tensor2D, texts: Tensor2D, logScale: Scalar): LossResult {
  const count = frames.shape[0];
  const { loss, logits } = symmetricInfoNce(l2Normalize(frames), l2Normalize(texts), clampLogScale(logScale));
  const own = Int32Array.from({ length: count }, (_, i) => i);
  const metrics = {
    'frames to text': { sum: countCorrect(logits, own), count },
    'text to frames': { sum: countCorrect(tf.transpose(logits), own), count },
  };
  return { loss, metrics };
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
    const { pooled } = tower.forward(params.vision, pixels); // [N, D]
    return tf.matMul(averaging(batch.owner, batch.ids.length), pooled); // [B, D]
  };
  const embedText = (params: ClipParams, batch: ClipBatch, dropout?: Key): Tensor2D =>
    linear(meanPool(bert(params.text, batch, config.text, dropout), batch.textMask), params.projection); // [B, D]
  return {
    init: (key: Key): ClipParams => ({
      vision: tower.init(foldIn(key, 'vision')),
      text: newBert(foldIn(key, 'text'), config.text),
      projection: newLinear(foldIn(key, 'projection'), config.text.hiddenSize, config.vision.width),
      logScale: parameter(new Float32Array([INITIAL_LOG_SCALE]), []) as tf.Tensor as Scalar,
    }),
    /** One vector per video from its frames, and from its text: `[B, D]`, not normalised. */
    embedFrames,
    embedText,
    loss: (params: ClipParams, batch: ClipBatch, dropout?: Key): LossResult =>
      tf.tidy(() => contrastiveLoss(embedFrames(params, batch), embedText(params, batch, dropout), params.logScale)),
  };
}

/** `[B, N]`: row b holds 1 / n for each of the n frames of video b. */
function averaging(owner: Int32Array, videos: number): Tensor2D {
  const counts = new Float64Array(videos);
  for (const video of owner) counts[video]++;
  const weights = new Float32Array(videos * owner.length);
  owner.forEach((video, frame) => (weights[video * owner.length + frame] = 1 / counts[video]));
  return tf.tensor2d(weights, [videos, owner.length]);
}
