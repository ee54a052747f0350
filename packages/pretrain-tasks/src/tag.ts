import * as tf from '@tensorflow/tfjs';
import {
  floats,
  foldIn,
  gatherRows,
  linear,
  newLinear,
  sigmoidCrossEntropy,
  type Batch,
  type Floats,
  type Linear,
} from '@wbdc/nn';
import { averagePrecision } from './metrics.js';
import { noLoss, type Corrupted, type Task } from './task.js';

export interface TagOptions {
  /** T, how many tags there are: the 10,000 most frequent in QQ's jobs. */
  readonly tagCount: number;
}

export interface TagHead {
  readonly output: Linear;
}

export interface TagTarget {
  /** The videos that have tags: indices into the batch. */
  readonly rows: Int32Array;
  /** 1 where a video has a tag `[rows, T]`. */
  readonly truth: Floats;
}

/**
 * Tag classification on the state of `[CLS]`: binary cross entropy, averaged over all tags. It corrupts nothing, so it
 * shares the pass of `mlm` and `mfm`. A video without tags says nothing about them and is left out, and so
 * is one whose frames were exchanged. The metric is the
 * mean over videos of the average precision of the ranked tags.
 */
export function tag({ tagCount }: TagOptions): Task<TagHead, TagTarget> {
  return {
    name: 'tag',
    init: (key, { hiddenSize }) => ({ output: newLinear(foldIn(key, 'output'), hiddenSize, tagCount) }),
    corrupt: (batch) => tagTarget(batch, tagCount),
    loss: ({ head, encoded, target: { rows, truth }, evaluating }) => {
      if (rows.length === 0) return { loss: noLoss(encoded), metrics: {} };
      const logits = linear(gatherRows(encoded.cls, rows), head.output); // [rows, T]
      const loss = sigmoidCrossEntropy(logits, tf.tensor2d(truth.data, [rows.length, tagCount]));
      if (!evaluating) return { loss, metrics: {} };
      return { loss, metrics: { mAP: rankTags(truth, (row) => logits.dataSync().subarray(row, row + tagCount)) } };
    },
    baseline: ({ truth }, { tagCounts }) => ({ mAP: rankTags(truth, () => tagCounts) }),
  };
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

function tagTarget(batch: Batch, tagCount: number): Corrupted<TagTarget> {
  if (!batch.tags)
    throw new Error('tag: expected a batch with tags, got one without: leave the task out for these data');
  const tags = batch.tags;
  const rows = Int32Array.from(tags.keys()).filter((row) => tags[row].length > 0 && (batch.matched?.[row] ?? true));
  const truth = floats([rows.length, tagCount]);
  rows.forEach((row, i) => {
    for (const index of tags[row]) {
      if (index < 0 || index >= tagCount) {
        throw new RangeError(`tag: expected tag indices below ${tagCount}, got ${index} for video ${batch.ids[row]}`);
      }
      truth.data[i * tagCount + index] = 1;
    }
  });
  return { batch, target: { rows, truth } };
}
