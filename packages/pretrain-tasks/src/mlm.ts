import * as tf from '@tensorflow/tfjs';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import {
  BERT_EPSILON,
  countCorrect,
  foldIn,
  gatherRows,
  gelu,
  ints,
  layerNorm,
  linear,
  newLinear,
  newNorm,
  parameter,
  randomInt,
  softmaxCrossEntropy,
  uniform,
  type Batch,
  type Key,
  type Linear,
  type LossResult,
  type MetricSum,
  type Norm,
} from '@wbdc/nn';
import { videosOf, within } from './divide.js';
import { noLoss, type Corrupted, type LossInput, type Sizes, type Task } from './task.js';

export interface MlmOptions {
  /** The `[MASK]` token. */
  readonly mask: number;
  /** Tokens that are never masked, predicted or drawn: `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]`. */
  readonly special: readonly number[];
  readonly vocabSize: number;
  /** Share of the tokens to predict: 0.15 in BERT and in QQ's jobs (0.25 in job 6), 0.30 in WBDC. */
  readonly probability?: number;
  /** Only these text fields are masked; all where absent. WBDC masked the title. */
  readonly fields?: readonly string[];
  /**
   * How often each token stands in the texts, `[V]`: the decoder's bias starts at the logarithms of their shares, and
   * the loss at their entropy. Where absent it starts at 0, and the loss at ln V: fresh weights then learn the shares
   * first, by bringing all states near each other.
   */
  readonly tokenCounts?: ArrayLike<number>;
  /** Masks whole words: gives each token of a text the number of its word, see {@link chineseWords}. */
  readonly words?: (tokens: ArrayLike<number>) => Int32Array;
}

export interface MlmHead {
  readonly transform: Linear;
  readonly norm: Norm;
  readonly bias: Tensor1D;
}

/** M masked positions: flat indices into `[B, L]`, and the tokens that stood there. */
export interface MlmTarget {
  readonly rows: Int32Array;
  readonly labels: Int32Array;
}

/**
 * Masked language model (BERT, arXiv 1810.04805): of the chosen tokens 80 % become `[MASK]`, 10 % a random token, 10 %
 * stay; cross entropy over the vocabulary, decoder tied to the word embeddings. Only the chosen positions go through
 * the head: at 15 % that saves 85 % of the most expensive product of the step.
 */
export function mlm(options: MlmOptions): Task<MlmHead, MlmTarget> {
  const { vocabSize, special } = options;
  const ordinary = Int32Array.from({ length: vocabSize }, (_, id) => id).filter((id) => !special.includes(id));
  return {
    name: 'mlm',
    init: (key, sizes) => newMlmHead(key, sizes, options),
    corrupt: (batch, key) => maskTokens(batch, key, options, ordinary),
    loss: tokenLoss,
    asked: ({ rows }) => ({ loss: rows.length }),
    divide: (target, batch, part) => {
      const { rows, own } = videosOf(batch, part);
      return { rows, target: divideTokens(target, batch, own) };
    },
    baseline: ({ labels }, { tokenCounts }) => ({ accuracy: mostFrequentToken(labels, tokenCounts, special) }),
  };
}

export function newMlmHead(
  key: Key,
  { hiddenSize, vocabSize }: Sizes,
  { tokenCounts, special }: Pick<MlmOptions, 'tokenCounts' | 'special'>,
): MlmHead {
  const bias = tokenCounts ? logShares(tokenCounts, vocabSize, special) : new Float32Array(vocabSize);
  return {
    transform: newLinear(foldIn(key, 'transform'), hiddenSize, hiddenSize),
    norm: newNorm(hiddenSize),
    bias: parameter(bias, [vocabSize]) as tf.Tensor as Tensor1D,
  };
}

/** Special tokens, which are never predicted, count as tokens that do not occur: half a time. */
function logShares(counts: ArrayLike<number>, vocabSize: number, special: readonly number[]): Float32Array {
  if (counts.length !== vocabSize) {
    throw new RangeError(`mlm: tokenCounts: expected a number for each of ${vocabSize} tokens, got ${counts.length}`);
  }
  const smoothed = Float64Array.from(counts, (count, id) => (special.includes(id) ? 0.5 : count + 0.5));
  const total = smoothed.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(smoothed, (count) => Math.log(count / total));
}

/** Cross entropy and accuracy at the masked positions. */
export function tokenLoss({ head, encoded, target, wordEmbeddings }: LossInput<MlmHead, MlmTarget>): LossResult {
  const { rows, labels } = target;
  if (rows.length === 0) return { loss: noLoss(encoded), count: 0, metrics: { accuracy: { sum: 0, count: 0 } } };
  const logits = tokenLogits(head, gatherRows(encoded.text, rows), wordEmbeddings); // [M, V]
  const loss = softmaxCrossEntropy(logits, labels);
  return {
    loss,
    count: labels.length,
    metrics: { accuracy: { sum: countCorrect(logits, labels), count: labels.length } },
  };
}

/** Of the states `[M, D]` at masked positions `[M, V]`; the decoder is tied to the word embeddings `[V, D]`. */
export function tokenLogits(head: MlmHead, hidden: Tensor2D, wordEmbeddings: Tensor2D): Tensor2D {
  const state = layerNorm(gelu(linear(hidden, head.transform)), head.norm, BERT_EPSILON); // [M, D]
  return tf.add(tf.matMul(state, wordEmbeddings, false, true), head.bias); // [M, V]
}

/** What is asked of some videos of a batch. */
export function divideTokens({ rows, labels }: MlmTarget, batch: Batch, videos: Int32Array): MlmTarget {
  const { places, rows: own } = within(rows, batch.tokens.shape[1], videos);
  return { rows: own, labels: places.map((i) => labels[i]) };
}

/** The accuracy of always answering the most frequent ordinary token. */
export function mostFrequentToken(
  labels: Int32Array,
  counts: ArrayLike<number>,
  special: readonly number[],
): MetricSum {
  let best = -1;
  for (let id = 0; id < counts.length; id++) {
    if (!special.includes(id) && (best < 0 || counts[id] > counts[best])) best = id;
  }
  return { sum: labels.filter((label) => label === best).length, count: labels.length };
}

/** Masks a batch; `ordinary` are the tokens that may be drawn. */
function maskTokens(batch: Batch, key: Key, options: MlmOptions, ordinary: Int32Array): Corrupted<MlmTarget> {
  const { probability = 0.15, mask, special } = options;
  const tokens = batch.tokens.data.slice();
  const [choose, treat, draw] = ['choose', 'treat', 'draw'].map((use) => foldIn(key, use));
  const draws = options.words ? firstOfWords(batch, options.words) : undefined;
  const rows = maskable(batch, special, options.fields).filter(
    (row) => uniform(choose, draws ? draws[row] : row) < probability,
  );
  const labels = rows.map((row) => batch.tokens.data[row]);
  for (const row of rows) {
    const treatment = uniform(treat, row);
    if (treatment < 0.8) tokens[row] = mask;
    else if (treatment < 0.9) tokens[row] = ordinary[randomInt(draw, row, ordinary.length)];
  }
  return { batch: { ...batch, tokens: ints(batch.tokens.shape, tokens) }, target: { rows, labels } };
}

/**
 * Flat indices of the ordinary tokens of a batch, in some fields or everywhere. Rows whose frames are another video's
 * are left out: there is nothing to learn from them about the text. (WBDC's original counted them.)
 */
export function maskable(batch: Batch, special: readonly number[], fields?: readonly string[]): Int32Array {
  const length = batch.tokens.shape[1];
  const excluded = new Set(special);
  const inFields = (video: number, column: number): boolean =>
    batch.spans[video].some(({ field, start, end }) => fields!.includes(field) && column >= start && column < end);
  return Int32Array.from(batch.tokens.data.keys()).filter((row) => {
    if (batch.textMask.data[row] !== 1 || excluded.has(batch.tokens.data[row])) return false;
    const video = Math.floor(row / length);
    return (batch.matched?.[video] ?? true) && (fields === undefined || inFields(video, row % length));
  });
}

/** For every position the flat index of the first token of its word, so that a word shares one draw. */
function firstOfWords(batch: Batch, words: (tokens: ArrayLike<number>) => Int32Array): Int32Array {
  const length = batch.tokens.shape[1];
  const first = Int32Array.from(batch.tokens.data.keys());
  batch.spans.forEach((spans, video) => {
    for (const { start, end } of spans) {
      const from = video * length + start;
      const numbers = words(batch.tokens.data.subarray(from, video * length + end));
      numbers.forEach((word, i) => {
        if (i > 0 && numbers[i - 1] === word) first[from + i] = first[from + i - 1];
      });
    }
  });
  return first;
}
