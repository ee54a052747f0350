import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import { WbdcError } from '@wbdc/io/errors';
import {
  countCorrect,
  floats,
  foldIn,
  gatherRows,
  joinColumns,
  l2Normalize,
  linear,
  meanPool,
  newLinear,
  newVector,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  type Batch,
  type Encoded,
  type Floats,
  type Ints,
  type Key,
  type Linear,
} from '@wbdc/nn';
import { averagePrecision } from '@wbdc/metrics';
import { takeIntRows, takeTableRows, videosOf, within } from './divide.js';
import { noLoss, type Corrupted, type Task } from './task.js';

export interface TagOptions {
  /** T, how many tags there are: the 10,000 most frequent in QQ's jobs. */
  readonly tagCount: number;
  /** What the head reads: the state of `[CLS]` (default), or the mean over tokens and frames, as in QQ's job 2. */
  readonly pooling?: 'cls' | 'mean';
  /**
   * Width of a dense layer between that and the output; QQ's jobs 2 and 3 had 256, and finetuning went on from it as
   * the layer that embeds.
   */
  readonly hidden?: number | null;
  /** `relu` before the output layer, as QQ had on the state of `[CLS]` and behind the hidden layer; null: nothing. */
  readonly activation?: TagActivation;
  /**
   * The share of the tags that a video is taken to have at the start (RetinaNet's initialisation, arXiv 1708.02002).
   * From fresh weights, without it, the states themselves are first pulled to wherever all tags are improbable: with
   * `mean`, all of them to one point, from which a short training does not come back. null starts at 1/2, as QQ did
   * from a trained BERT.
   */
  readonly prior?: number | null;
  /**
   * A video has at most one of the T labels, its category: cross entropy of their softmax, as WBDC 2022's class head
   * had with a weight of 3; the metric is the accuracy.
   */
  readonly exclusive?: boolean;
}

/** What stands before the output layer of the tags. */
export type TagActivation = 'relu' | null;

export interface TagHead {
  readonly hidden?: Linear;
  readonly output: Linear;
}

export interface TagTarget {
  /** The N videos that have tags: indices into the batch. */
  readonly rows: Int32Array;
  /** 1 where a video has a tag `[N, T]`. */
  readonly truth: Floats;
  /** Which tokens and frames a mean is over `[B, L + F]`. */
  readonly mask?: Ints;
}

/**
 * Tag classification, usually on the state of `[CLS]`: binary cross entropy, averaged over all tags. It corrupts
 * nothing, so it shares the pass of `mlm` and `mfm`. A video without tags says nothing about them and is left out, and
 * so is one whose frames were exchanged. The metric is the mean over videos of the average precision of the ranked
 * tags.
 */
export function tag(options: TagOptions): Task<TagHead, TagTarget> {
  const { tagCount, pooling = 'cls', hidden = null, activation = null, prior = null, exclusive = false } = options;
  return {
    name: 'tag',
    init: (key, { hiddenSize }) => ({
      ...(hidden !== null && { hidden: newLinear(foldIn(key, 'hidden'), hiddenSize, hidden) }),
      output: newOutput(foldIn(key, 'output'), hidden ?? hiddenSize, tagCount, prior),
    }),
    corrupt: (batch) => tagTarget(batch, { tagCount, pooling, exclusive }),
    loss: ({ head, encoded, target, evaluating }) => {
      const { rows, truth } = target;
      if (rows.length === 0) return { loss: noLoss(encoded), count: 0, metrics: {} };
      const logits = tagLogits(head, gatherRows(pool(encoded, target), rows), activation); // [N, T]
      if (exclusive) return chooseOne(logits, labelsOf(truth));
      const loss = sigmoidCrossEntropy(logits, tf.tensor2d(truth.data, [rows.length, tagCount]));
      if (!evaluating) return { loss, count: rows.length, metrics: {} };
      const scores = logits.dataSync(); // once: an engine may copy all of it
      return {
        loss,
        count: rows.length,
        metrics: { mAP: rankTags(truth, (row) => scores.subarray(row, row + tagCount)) },
      };
    },
    asked: ({ rows }) => ({ loss: rows.length }),
    divide: (target, batch, part) => {
      const { rows, own } = videosOf(batch, part);
      return { rows, target: divideTags(target, rows, own) };
    },
    baseline: ({ truth }, { tagCounts }) =>
      exclusive ? { accuracy: mostFrequent(truth, tagCounts) } : { mAP: rankTags(truth, () => tagCounts) },
  };
}

function chooseOne(logits: Tensor2D, labels: Int32Array) {
  const accuracy = { sum: countCorrect(logits, labels), count: labels.length };
  return { loss: softmaxCrossEntropy(logits, labels), count: labels.length, metrics: { accuracy } };
}

/** Where the 1 of each row stands `[N]`. */
function labelsOf({ data, shape: [count, width] }: Floats): Int32Array {
  return Int32Array.from({ length: count }, (_, row) => data.subarray(row * width, (row + 1) * width).indexOf(1));
}

/** How often the most frequent of all labels is right. */
function mostFrequent(truth: Floats, tagCounts: ArrayLike<number>): { sum: number; count: number } {
  const counts = Array.from(tagCounts);
  const majority = counts.indexOf(Math.max(...counts));
  const labels = labelsOf(truth);
  return { sum: labels.filter((label) => label === majority).length, count: labels.length };
}

/** Whose probabilities start at about `prior`. */
function newOutput(key: Key, inputs: number, tagCount: number, prior: number | null): Linear {
  const output = newLinear(key, inputs, tagCount);
  if (prior === null) return output;
  if (!(prior > 0 && prior < 1)) throw new RangeError(`tag: expected a prior between 0 and 1, got ${prior}`);
  output.bias.dispose();
  return { ...output, bias: newVector(tagCount, Math.log(prior / (1 - prior))) };
}

/** Sum and count of the average precision; `scores` gives those of the video that starts at a flat index. */
function rankTags(
  { data, shape }: Floats,
  scores: (start: number) => ArrayLike<number>,
): { sum: number; count: number } {
  const [count, width] = shape;
  let sum = 0;
  for (let row = 0; row < count; row++) {
    sum += averagePrecision(scores(row * width), data.subarray(row * width, (row + 1) * width));
  }
  return { sum, count };
}

/** `output(activation(hidden(state)))` `[N, T]`; the hidden layer and the activation where there are such. */
export function tagLogits(head: TagHead, state: Tensor2D, activation: TagActivation): Tensor2D {
  const read = head.hidden ? linear(state, head.hidden) : state;
  return linear(activation === 'relu' ? tf.relu(read) : read, head.output);
}

/** The probability of every tag `[B, T]`, for videos whose tags nobody knows. */
export function tagProbabilities(
  head: TagHead,
  encoded: Encoded,
  batch: Batch,
  options: Pick<TagOptions, 'pooling' | 'activation' | 'exclusive'> = {},
): Tensor2D {
  const { pooling = 'cls', activation = null, exclusive = false } = options;
  return tf.tidy(() => {
    const logits = tagLogits(head, pool(encoded, positionsOf(batch, pooling)), activation);
    return exclusive ? tf.softmax(logits) : tf.sigmoid(logits);
  });
}

/**
 * What a pretrained model knows of a video as a unit vector `[B, D]`: the mean over tokens and frames, through the
 * hidden layer of the tags `[B, hidden]` where there is one that reads that mean.
 */
export function pretrainedEmbedding(encoded: Encoded, batch: Batch, hidden?: Linear): Tensor2D {
  return tf.tidy(() => {
    const pooled = pool(encoded, positionsOf(batch, 'mean'));
    return l2Normalize(hidden ? linear(pooled, hidden) : pooled);
  });
}

/** `[B, D]` */
function pool({ cls, text, frames }: Encoded, { mask }: Pick<TagTarget, 'mask'>): Tensor2D {
  return mask ? meanPool(tf.concat([text, frames], 1), mask) : cls;
}

function tagTarget(
  batch: Batch,
  { tagCount, pooling, exclusive }: Required<Pick<TagOptions, 'tagCount' | 'pooling' | 'exclusive'>>,
): Corrupted<TagTarget> {
  if (!batch.tags)
    throw new WbdcError('tag: expected a batch with tags, got one without: leave the task out for these data');
  const tags = batch.tags;
  const rows = Int32Array.from(tags.keys()).filter((row) => tags[row].length > 0 && (batch.matched?.[row] ?? true));
  const truth = floats([rows.length, tagCount]);
  rows.forEach((row, i) => {
    if (exclusive && tags[row].length > 1) {
      throw new RangeError(`tag: expected one label a video, got ${tags[row].length} for video ${batch.ids[row]}`);
    }
    for (const index of tags[row]) {
      if (index < 0 || index >= tagCount) {
        throw new RangeError(`tag: expected tag indices below ${tagCount}, got ${index} for video ${batch.ids[row]}`);
      }
      truth.data[i * tagCount + index] = 1;
    }
  });
  return { batch, target: { rows, truth, ...positionsOf(batch, pooling) } };
}

/** What is asked of the videos `own`; `rows` are those that are encoded. */
function divideTags({ rows: asked, truth, mask }: TagTarget, rows: Int32Array, own: Int32Array): TagTarget {
  const { places, rows: local } = within(asked, 1, own);
  const width = truth.shape[1];
  const taken = floats([local.length, width], takeTableRows(truth.data, width, places));
  if (!mask) return { rows: local, truth: taken };
  return { rows: local, truth: taken, mask: takeIntRows(mask, rows) };
}

/** What a mean is over. */
function positionsOf({ textMask, frameMask }: Batch, pooling: 'cls' | 'mean'): Pick<TagTarget, 'mask'> {
  return pooling === 'mean' ? { mask: joinColumns(textMask, frameMask) } : {};
}
