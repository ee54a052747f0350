import * as tf from '@tensorflow/tfjs';
import { foldIn, ints, permutation, type Batch, type Key, type Metric } from '@wbdc/nn';
import {
  assertSimilarity,
  chance,
  divideFrames,
  frameLoss,
  hasFrames,
  maskFrames,
  newMfmHead,
  validFrames,
  type MfmHead,
  type MfmTarget,
  type Similarity,
} from './mfm.js';
import { videosOf } from './divide.js';
import {
  divideTokens,
  maskable,
  mostFrequentToken,
  newMlmHead,
  tokenLoss,
  type MlmHead,
  type MlmOptions,
  type MlmTarget,
} from './mlm.js';
import { lossMetric, scaled, type Corrupted, type Task } from './task.js';

export interface MmmOptions extends Partial<Similarity>, Pick<MlmOptions, 'mask' | 'special' | 'tokenCounts'> {
  /** Weight of the frames' loss beside the tokens': 0.5 in WBDC. */
  readonly frameWeight?: number;
  /** Heads of its own (default), or those of the tasks `mlm` and `mfm` of the same plan, as in WBDC. */
  readonly heads?: 'own' | 'shared';
}

export interface MmmHead {
  readonly text: MlmHead;
  readonly frames: MfmHead;
}

export interface MmmTarget {
  readonly text: MlmTarget;
  readonly frames: MfmTarget;
}

/**
 * Mask modality (VLM, arXiv 2105.09996): half of the videos lose all their frames, the others all their text, and each
 * must be predicted from the other modality: InfoNCE over frames, cross entropy over every text token. WBDC gave it a
 * quarter of the batch. Videos without frames are left out: nothing would be left of them.
 */
export function mmm(options: MmmOptions): Task<MmmHead, MmmTarget> {
  const { frameWeight = 0.5, special, heads = 'own' } = options;
  const similarity = assertSimilarity('mmm', options);
  return {
    name: 'mmm',
    ...(heads === 'shared' && { shares: { text: 'mlm', frames: 'mfm' } }),
    init: (key, sizes) => {
      if (heads === 'shared') return {} as MmmHead; // the plan puts those of `shares` there
      return {
        text: newMlmHead(foldIn(key, 'text'), sizes, options),
        frames: newMfmHead(foldIn(key, 'frames'), sizes),
      };
    },
    corrupt: (batch, key) => maskModality(batch, key, options),
    asked: ({ text, frames }) => ({ 'text loss': text.rows.length, 'frames loss': frames.rows.length }),
    divide: ({ text, frames }, batch, part) => {
      const { rows, own } = videosOf(batch, part);
      return { rows, target: { text: divideTokens(text, batch, own), frames: divideFrames(frames, batch, own) } };
    },
    loss: ({ head, target, share = () => 1, ...rest }) => {
      const text = tokenLoss({ ...rest, head: head.text, target: target.text });
      const frames = frameLoss({ ...rest, head: head.frames, target: target.frames }, similarity);
      const losses = { text, frames };
      const metrics: Record<string, Metric> = {};
      for (const [name, result] of Object.entries(losses)) {
        metrics[`${name} loss`] = lossMetric(result.loss, result.count ?? 1);
        metrics[`${name} accuracy`] = result.metrics.accuracy;
      }
      const weighted = [scaled(text.loss, share('text loss')), scaled(frames.loss, frameWeight * share('frames loss'))];
      return { loss: tf.add<tf.Scalar>(weighted[0], weighted[1]), metrics };
    },
    baseline: ({ text, frames }, { tokenCounts }) => ({
      'text accuracy': mostFrequentToken(text.labels, tokenCounts, special),
      'frames accuracy': chance(frames.labels.length, frames.candidates.shape[0], frames.hidden),
    }),
  };
}

function maskModality(batch: Batch, key: Key, { mask, special }: MmmOptions): Corrupted<MmmTarget> {
  const order = permutation(key, batch.ids.length).filter((video) => hasFrames(batch, video));
  const frameless = new Set(order.subarray(0, Math.ceil(order.length / 2)));
  const textless = new Set(order.subarray(frameless.size));
  const [length, frames] = [batch.tokens.shape[1], batch.frameMask.shape[1]];
  const tokens = batch.tokens.data.slice();
  const rows = maskable(batch, special).filter((row) => textless.has(Math.floor(row / length)));
  for (const row of rows) tokens[row] = mask;
  const valid = validFrames(batch);
  const chosen = valid.map((row) => (frameless.has(Math.floor(row / frames)) ? 1 : 0));
  const masked = maskFrames({ ...batch, tokens: ints(batch.tokens.shape, tokens) }, valid, chosen);
  return {
    batch: masked.batch,
    target: { text: { rows, labels: rows.map((row) => batch.tokens.data[row]) }, frames: masked.target },
  };
}
