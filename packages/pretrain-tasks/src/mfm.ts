import * as tf from '@tensorflow/tfjs';
import {
  BERT_EPSILON,
  countCorrect,
  floats,
  foldIn,
  gatherRows,
  gelu,
  l2Normalize,
  layerNorm,
  linear,
  newLinear,
  newNorm,
  softmaxCrossEntropy,
  uniform,
  type Batch,
  type Floats,
  type Key,
  type Linear,
  type Norm,
} from '@wbdc/nn';
import { noLoss, type Corrupted, type Task } from './task.js';

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
  /** The place of each among the candidates. */
  readonly labels: Int32Array;
  /** The unmasked features of all N valid frames of the batch `[N, Dv]`. */
  readonly candidates: Floats;
}

/**
 * Masked frame model (after HERO, arXiv 2005.00200): some frames become zero vectors; from the states at their places
 * the model must find their features among those of all frames of the batch (InfoNCE).
 */
export function mfm(options: MfmOptions = {}): Task<MfmHead, MfmTarget> {
  const { probability = 0.15, normalize = false, temperature = 1 } = options;
  if (!(temperature > 0)) throw new RangeError(`mfm: expected a temperature above 0, got ${temperature}`);
  return {
    name: 'mfm',
    init: (key, { hiddenSize, frameSize }) => ({
      transform: newLinear(foldIn(key, 'transform'), hiddenSize, hiddenSize),
      norm: newNorm(hiddenSize),
      output: newLinear(foldIn(key, 'output'), hiddenSize, frameSize),
    }),
    corrupt: (batch, key) => maskFrames(batch, key, probability),
    loss: ({ head, encoded, target: { rows, labels, candidates } }) => {
      if (rows.length === 0) return { loss: noLoss(encoded), metrics: { accuracy: { sum: 0, count: 0 } } };
      const hidden = gatherRows(encoded.frames, rows); // [M, D]
      const state = layerNorm(gelu(linear(hidden, head.transform)), head.norm, BERT_EPSILON); // [M, D]
      const unit = (x: tf.Tensor2D): tf.Tensor2D => (normalize ? l2Normalize(x) : x);
      const features = unit(tf.tensor2d(candidates.data, candidates.shape as [number, number])); // [N, Dv]
      const similarity = tf.matMul(unit(linear(state, head.output)), features, false, true); // [M, N]
      const logits: tf.Tensor2D = tf.div(similarity, temperature);
      const loss = softmaxCrossEntropy(logits, labels);
      return { loss, metrics: { accuracy: { sum: countCorrect(logits, labels), count: labels.length } } };
    },
    baseline: ({ labels, candidates }) => ({
      accuracy: { sum: labels.length / Math.max(1, candidates.shape[0]), count: labels.length },
    }),
  };
}

function maskFrames(batch: Batch, key: Key, probability: number): Corrupted<MfmTarget> {
  const width = batch.frames.shape[2];
  const valid = Int32Array.from(batch.frameMask.data.keys()).filter((row) => batch.frameMask.data[row] === 1);
  const candidates = floats([valid.length, width]);
  const data = batch.frames.data.slice();
  const labels: number[] = [];
  valid.forEach((row, place) => {
    candidates.data.set(batch.frames.data.subarray(row * width, (row + 1) * width), place * width);
    if (uniform(key, row) >= probability) return;
    data.fill(0, row * width, (row + 1) * width);
    labels.push(place);
  });
  const target = {
    rows: Int32Array.from(labels, (place) => valid[place]),
    labels: Int32Array.from(labels),
    candidates,
  };
  return { batch: { ...batch, frames: floats(batch.frames.shape, data) }, target };
}
