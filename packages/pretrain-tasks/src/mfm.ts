import * as tf from '@tensorflow/tfjs';
import {
  BERT_EPSILON,
  countCorrect,
  floats,
  foldIn,
  gatherRows,
  gelu,
  groupRows,
  hideEqual,
  l2Normalize,
  layerNorm,
  linear,
  newLinear,
  newNorm,
  rowsIn,
  softmaxCrossEntropy,
  uniform,
  type Batch,
  type Floats,
  type Key,
  type Linear,
  type LossResult,
  type MetricSum,
  type Norm,
} from '@wbdc/nn';
import { takeTableRows, videosOf, within } from './divide.js';
import { noLoss, type Corrupted, type LossInput, type Sizes, type Task } from './task.js';

export interface MfmOptions {
  /** Share of the valid frames to predict: 0.15, or 0.25 in QQ's job 6. */
  readonly probability?: number;
  /** Compare unit vectors instead of raw features. The originals did not. */
  readonly normalize?: boolean;
  /** Divides the similarities. The originals used 1; unit vectors want about 0.07. */
  readonly temperature?: number;
}

export interface MfmHead {
  readonly transform: Linear;
  readonly norm: Norm;
  readonly output: Linear;
}

export interface MfmTarget {
  /** M masked frames: flat indices into `[B, F]`. */
  readonly rows: Int32Array;
  /** The index of each among the candidates. */
  readonly labels: Int32Array;
  /** The unmasked features of all valid frames of the batch, then those of earlier batches `[N, Dv]`. */
  readonly candidates: Floats;
  /**
   * `[M, N]`: hides the candidates that equal the answer, such as the frames of a still picture; absent where none do.
   */
  readonly hidden?: Float32Array;
}

/**
 * Masked frame model (after HERO, arXiv 2005.00200): some frames become zero vectors; from the states at their
 * positions the model must find their features among those of all frames of the batch (InfoNCE).
 */
export function mfm(options: MfmOptions = {}): Task<MfmHead, MfmTarget> {
  const { probability = 0.15 } = options;
  const similarity = assertSimilarity('mfm', options);
  return {
    name: 'mfm',
    init: newMfmHead,
    corrupt: (batch, key) => {
      const frames = validFrames(batch);
      const chosen = frames.map((row) => (uniform(key, row) < probability ? 1 : 0));
      return maskFrames(batch, frames, chosen);
    },
    loss: (input) => frameLoss(input, similarity),
    asked: ({ rows }) => ({ loss: rows.length }),
    divide: (target, batch, part) => {
      const { rows, own } = videosOf(batch, part);
      return { rows, target: divideFrames(target, batch, own) };
    },
    baseline: ({ labels, candidates, hidden }) => ({ accuracy: chance(labels.length, candidates.shape[0], hidden) }),
  };
}

/** How predicted and true features are compared. */
export interface Similarity {
  readonly normalize: boolean;
  readonly temperature: number;
}

/** The similarity of a task's options. */
export function assertSimilarity(task: string, options: Partial<Similarity>): Similarity {
  const { normalize = false, temperature = 1 } = options;
  if (!(temperature > 0)) throw new RangeError(`${task}: expected a temperature above 0, got ${temperature}`);
  return { normalize, temperature };
}

export function newMfmHead(key: Key, { hiddenSize, frameSize }: Sizes): MfmHead {
  return {
    transform: newLinear(foldIn(key, 'transform'), hiddenSize, hiddenSize),
    norm: newNorm(hiddenSize),
    output: newLinear(foldIn(key, 'output'), hiddenSize, frameSize),
  };
}

/** Cross entropy of finding each masked frame among the candidates, and the share that is found. */
export function frameLoss(
  { head, encoded, target: { rows, labels, candidates, hidden } }: LossInput<MfmHead, MfmTarget>,
  { normalize, temperature }: Similarity,
): LossResult {
  if (rows.length === 0) return { loss: noLoss(encoded), count: 0, metrics: { accuracy: { sum: 0, count: 0 } } };
  const scaled = frameLogits(head, gatherRows(encoded.frames, rows), candidates, { normalize, temperature }); // [M, N]
  const logits: tf.Tensor2D = hidden ? tf.add(scaled, tf.tensor2d(hidden, scaled.shape)) : scaled; // [M, N]
  const loss = softmaxCrossEntropy(logits, labels);
  return {
    loss,
    count: labels.length,
    metrics: { accuracy: { sum: countCorrect(logits, labels), count: labels.length } },
  };
}

/** Of the states `[M, D]` at masked frames: their similarities to the candidates `[M, N]`. */
export function frameLogits(
  head: MfmHead,
  masked: tf.Tensor2D,
  candidates: Floats,
  { normalize, temperature }: Similarity,
): tf.Tensor2D {
  const state = layerNorm(gelu(linear(masked, head.transform)), head.norm, BERT_EPSILON); // [M, D]
  const unit = (x: tf.Tensor2D): tf.Tensor2D => (normalize ? l2Normalize(x) : x);
  const features = unit(tf.tensor2d(candidates.data, candidates.shape as [number, number])); // [N, Dv]
  const similarity: tf.Tensor2D = tf.matMul(unit(linear(state, head.output)), features, false, true); // [M, N]
  return temperature === 1 ? similarity : tf.div(similarity, temperature); // [M, N]
}

/** What is asked of some videos of a batch: their masked frames, still among the frames of all. */
export function divideFrames(target: MfmTarget, batch: Batch, videos: Int32Array): MfmTarget {
  const { rows, labels, candidates, hidden } = target;
  const { places, rows: own } = within(rows, batch.frameMask.shape[1], videos);
  const table = hidden && takeTableRows(hidden, candidates.shape[0], places);
  return { rows: own, labels: places.map((i) => labels[i]), candidates, ...(table && { hidden: table }) };
}

/**
 * The accuracy of guessing one of so many candidates, over so many questions.
 *
 * @param hidden `[questions, candidates]` or wider: below 0 where a candidate is none for a question
 */
export function chance(questions: number, candidates: number, hidden?: Float32Array): MetricSum {
  if (hidden === undefined) return { sum: questions / Math.max(1, candidates), count: questions };
  const width = hidden.length / questions;
  let sum = 0;
  for (let question = 0; question < questions; question++) {
    const own = hidden.subarray(question * width, question * width + candidates);
    sum += 1 / own.reduce((shown, value) => (value < 0 ? shown : shown + 1), 0);
  }
  return { sum, count: questions };
}

/** Flat indices of the frames that are not padding. */
export function validFrames({ frameMask }: Pick<Batch, 'frameMask'>): Int32Array {
  return Int32Array.from(frameMask.data.keys()).filter((row) => frameMask.data[row] === 1);
}

/** Whether a video has a frame. */
export function hasFrames({ frameMask: { data, shape } }: Pick<Batch, 'frameMask'>, video: number): boolean {
  return data.subarray(video * shape[1], (video + 1) * shape[1]).includes(1);
}

/** The features of some frames `[N, Dv]`, by default of all that are not padding: a later batch's `pastFrames`. */
export function packFrames({ frames, frameMask }: Batch, rows: Int32Array = validFrames({ frameMask })): Floats {
  const width = frames.shape[2];
  const packed = floats([rows.length, width]);
  rows.forEach((row, i) => packed.data.set(frames.data.subarray(row * width, (row + 1) * width), i * width));
  return packed;
}

/** The rows of several tables `[N, Dv]` in one. */
export function joinFrames(tables: readonly Floats[], width: number): Floats {
  const joined = floats([tables.reduce((sum, { shape }) => sum + shape[0], 0), width]);
  let start = 0;
  for (const { data } of tables) {
    joined.data.set(data, start);
    start += data.length;
  }
  return joined;
}

/** Zeroes the chosen (1) of the valid frames; all valid frames, as they were, are the candidates. */
export function maskFrames(batch: Batch, valid: Int32Array, chosen: Int32Array): Corrupted<MfmTarget> {
  const width = batch.frames.shape[2];
  const current = packFrames(batch, valid);
  const candidates = batch.pastFrames ? joinFrames([current, batch.pastFrames], width) : current;
  const data = batch.frames.data.slice();
  valid.forEach((row, i) => {
    if (chosen[i]) data.fill(0, row * width, (row + 1) * width);
  });
  const labels = Int32Array.from(valid.keys()).filter((i) => chosen[i] === 1);
  const hidden = hideEqual(labels, groupRows(rowsIn(candidates.data, width)));
  const target = { rows: labels.map((i) => valid[i]), labels, candidates, ...(hidden && { hidden }) };
  return { batch: { ...batch, frames: floats(batch.frames.shape, data) }, target };
}
