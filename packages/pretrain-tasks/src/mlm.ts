import * as tf from '@tensorflow/tfjs';
import type { Tensor1D } from '@tensorflow/tfjs';
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
  newVector,
  randomInt,
  softmaxCrossEntropy,
  uniform,
  type Batch,
  type Key,
  type Linear,
  type Norm,
} from '@wbdc/nn';
import { noLoss, type Corrupted, type Task } from './task.js';

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
 * stay; cross entropy over the vocabulary, decoder tied to the word embeddings. Only the chosen positions go through the
 * head: at 15 % that saves 85 % of the most expensive product of the step.
 */
export function mlm(options: MlmOptions): Task<MlmHead, MlmTarget> {
  return {
    name: 'mlm',
    init: (key, { hiddenSize, vocabSize }) => ({
      transform: newLinear(foldIn(key, 'transform'), hiddenSize, hiddenSize),
      norm: newNorm(hiddenSize),
      bias: newVector(vocabSize),
    }),
    corrupt: (batch, key) => maskTokens(batch, key, options),
    loss: ({ head, encoded, target, wordEmbeddings }) => {
      const { rows, labels } = target;
      if (rows.length === 0) return { loss: noLoss(encoded), metrics: { accuracy: { sum: 0, count: 0 } } };
      const hidden = gatherRows(encoded.text, rows); // [M, D]
      const state = layerNorm(gelu(linear(hidden, head.transform)), head.norm, BERT_EPSILON); // [M, D]
      const logits: tf.Tensor2D = tf.add(tf.matMul(state, wordEmbeddings, false, true), head.bias); // [M, V]
      const loss = softmaxCrossEntropy(logits, labels);
      return { loss, metrics: { accuracy: { sum: countCorrect(logits, labels), count: labels.length } } };
    },
    baseline: ({ labels }, { tokenCounts }) => {
      const special = new Set(options.special);
      let best = -1;
      for (let id = 0; id < tokenCounts.length; id++) {
        if (!special.has(id) && (best < 0 || tokenCounts[id] > tokenCounts[best])) best = id;
      }
      return { accuracy: { sum: labels.filter((label) => label === best).length, count: labels.length } };
    },
  };
}

function maskTokens(batch: Batch, key: Key, options: MlmOptions): Corrupted<MlmTarget> {
  const { probability = 0.15, mask, vocabSize } = options;
  const special = new Set(options.special);
  const ordinary = Int32Array.from({ length: vocabSize }, (_, id) => id).filter((id) => !special.has(id));
  const tokens = batch.tokens.data.slice();
  const [choose, treat, draw] = ['choose', 'treat', 'draw'].map((use) => foldIn(key, use));
  const rows = maskable(batch, special, options.fields).filter((row) => uniform(choose, row) < probability);
  const labels = rows.map((row) => batch.tokens.data[row]);
  for (const row of rows) {
    const treatment = uniform(treat, row);
    if (treatment < 0.8) tokens[row] = mask;
    else if (treatment < 0.9) tokens[row] = ordinary[randomInt(draw, row, ordinary.length)];
  }
  return { batch: { ...batch, tokens: ints(batch.tokens.shape, tokens) }, target: { rows, labels } };
}

/** Flat indices of the tokens that may be masked. */
function maskable(batch: Batch, special: ReadonlySet<number>, fields?: readonly string[]): Int32Array {
  const length = batch.tokens.shape[1];
  const inFields = (row: number): boolean =>
    batch.spans[Math.floor(row / length)].some(
      ({ field, start, end }) => fields!.includes(field) && row % length >= start && row % length < end,
    );
  return Int32Array.from(batch.tokens.data.keys()).filter(
    (row) =>
      batch.textMask.data[row] === 1 && !special.has(batch.tokens.data[row]) && (fields === undefined || inFields(row)),
  );
}
