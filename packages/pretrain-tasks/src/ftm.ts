import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import {
  countCorrect,
  foldIn,
  gatherRows,
  groupFrames,
  groupRows,
  linear,
  meanPool,
  newLinear,
  permutation,
  rowsIn,
  softmaxCrossEntropy,
  takeRows,
  uniform,
  type Batch,
  type Encoded,
  type Ints,
  type Key,
  type Linear,
} from '@wbdc/nn';
import { takeIntRows, videosOf, within } from './divide.js';
import { hasFrames } from './mfm.js';
import { noLoss, type Corrupted, type Task } from './task.js';

export interface FtmOptions {
  /** Share of the videos whose frames are exchanged: 0.5 in WBDC. */
  readonly probability?: number;
  /** `hard` exchanges between videos whose mean frame features are alike; `random` is the original. */
  readonly negatives?: 'random' | 'hard';
  /**
   * What the head reads: the state of `[CLS]` (default, WBDC), or the mean state of the text times that of the frames,
   * element by element, after ViLBERT's product of its two streams' first states. From fresh weights no layer
   * multiplies what the text says with what the frames show; the product does from the first step.
   */
  readonly pooling?: 'cls' | 'product';
}

export interface FtmHead {
  readonly output: Linear;
}

export interface FtmTarget {
  /** The N videos that have frames: indices into the batch. */
  readonly rows: Int32Array;
  /** 1 for each of them where frames and text belong together. */
  readonly labels: Int32Array;
  /** What the means of `product` are over `[B, L]`, `[B, F]`. */
  readonly masks?: { readonly text: Ints; readonly frames: Ints };
}

/**
 * Frame-text match (after ViLBERT, arXiv 1908.02265): the frames of some videos of the batch change places, and the
 * state of `[CLS]`, or what `pooling` says, tells which pairs belong together. It marks the exchanged rows in the
 * batch, and stands first in a view: what is masked afterwards follows the frames, and text tasks leave the mismatched
 * rows out. Videos without frames have nothing to match and are left out.
 */
export function ftm(options: FtmOptions = {}): Task<FtmHead, FtmTarget> {
  const { probability = 0.5, negatives = 'random', pooling = 'cls' } = options;
  return {
    name: 'ftm',
    init: (key, { hiddenSize }) => ({ output: newLinear(foldIn(key, 'output'), hiddenSize, 2) }),
    corrupt: (batch, key) => withMasks(exchange(batch, partners(batch, key, probability, negatives)), pooling),
    loss: ({ head, encoded, target }) => {
      const { rows, labels } = target;
      if (rows.length === 0) return { loss: noLoss(encoded), count: 0, metrics: { accuracy: { sum: 0, count: 0 } } };
      const logits = linear(gatherRows(pool(encoded, target), rows), head.output); // [N, 2]
      const accuracy = { sum: countCorrect(logits, labels), count: labels.length };
      return { loss: softmaxCrossEntropy(logits, labels), count: labels.length, metrics: { accuracy } };
    },
    asked: ({ rows }) => ({ loss: rows.length }),
    divide: ({ rows: asked, labels, masks }, batch, part) => {
      const { rows, own: videos } = videosOf(batch, part);
      const { places, rows: local } = within(asked, 1, videos);
      const target = { rows: local, labels: places.map((i) => labels[i]) };
      if (!masks) return { rows, target };
      const own = { text: takeIntRows(masks.text, rows), frames: takeIntRows(masks.frames, rows) };
      return { rows, target: { ...target, masks: own } };
    },
    baseline: ({ labels }) => {
      const matched = labels.reduce((sum, label) => sum + label, 0);
      return { accuracy: { sum: Math.max(matched, labels.length - matched), count: labels.length } };
    },
  };
}

function withMasks({ batch, target }: Corrupted<FtmTarget>, pooling: 'cls' | 'product'): Corrupted<FtmTarget> {
  if (pooling === 'cls') return { batch, target };
  return { batch, target: { ...target, masks: { text: batch.textMask, frames: batch.frameMask } } };
}

/** `[B, D]` */
function pool({ cls, text, frames }: Encoded, { masks }: FtmTarget): Tensor2D {
  return masks ? tf.mul(meanPool(text, masks.text), meanPool(frames, masks.frames)) : cls;
}

/** For every video the one whose frames it gets. Of the chosen each gets another's; one alone keeps its own. */
function partners(batch: Batch, key: Key, probability: number, negatives: 'random' | 'hard'): Int32Array {
  const videos = batch.ids.length;
  const order = permutation(foldIn(key, 'order'), videos).filter((video) => hasFrames(batch, video));
  const chosen = order.filter((video) => uniform(foldIn(key, 'choose'), video) < probability);
  const from = Int32Array.from({ length: videos }, (_, i) => i);
  const cycle = negatives === 'hard' ? chainOfLikes(chosen, meanFrames(batch)) : chosen;
  cycle.forEach((video, i) => (from[video] = cycle[(i + 1) % cycle.length]));
  return from;
}

/** Orders videos so that each is followed by the one most like it among those left. */
function chainOfLikes(videos: Int32Array, means: readonly Float32Array[]): Int32Array {
  const left = [...videos];
  const chain = left.splice(0, 1);
  const like = (a: number, b: number): number => means[a].reduce((sum, x, i) => sum + x * means[b][i], 0);
  while (left.length > 0) {
    const last = chain[chain.length - 1];
    const best = left.reduce((most, video) => (like(last, video) > like(last, most) ? video : most));
    chain.push(...left.splice(left.indexOf(best), 1));
  }
  return Int32Array.from(chain);
}

/** The mean frame of every video, as a unit vector. */
function meanFrames({ frames, frameMask }: Batch): Float32Array[] {
  const [videos, count, width] = frames.shape;
  return Array.from({ length: videos }, (_, video) => {
    const mean = new Float32Array(width);
    for (let frame = video * count; frame < (video + 1) * count; frame++) {
      if (frameMask.data[frame] === 1) mean.forEach((x, i) => (mean[i] = x + frames.data[frame * width + i]));
    }
    const length = Math.hypot(...mean) || 1;
    return mean.map((x) => x / length);
  });
}

function exchange(batch: Batch, from: Int32Array): Corrupted<FtmTarget> {
  const { frames, frameMask } = takeRows(batch, from);
  const [frameGroups, textGroups] = [groupFrames(batch), groupRows(rowsIn(batch.tokens.data, batch.tokens.shape[1]))];
  // Frames of another video that are the same, or another video of the same text, are no mismatch.
  const belongs = (source: number, video: number): boolean =>
    frameGroups[source] === frameGroups[video] || textGroups[source] === textGroups[video];
  const labels = from.map((source, video) => (belongs(source, video) ? 1 : 0));
  const matched = Array.from(labels, (label, i) => label === 1 && (batch.matched?.[i] ?? true));
  const rows = from.map((_, video) => video).filter((video) => hasFrames(batch, video));
  return { batch: { ...batch, frames, frameMask, matched }, target: { rows, labels: rows.map((row) => labels[row]) } };
}
