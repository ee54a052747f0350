import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchesOfEpoch, collate, type Example } from '@wbdc/data';
import { floats, foldIn, randomInt, randomKey, recomputing, uniform, type Batch, type Key } from '@wbdc/nn';
import { mfm, mlm, pretraining, tag, type MfmTarget, type MlmTarget, type PreparedView } from '@wbdc/pretrain-tasks';
import { WBDC_BASE, uniModel, type UniModelConfig } from '@wbdc/uni-model';
import type { Options } from './options.js';

/** Sizes of the pretraining step; Python reads them under the same names. */
export interface Recipe {
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly intermediate: number;
  readonly batch: number;
  readonly vocabulary: number;
  readonly positions: number;
  readonly tokens: number;
  readonly frames: number;
  readonly frameSize: number;
  readonly tags: number;
  readonly dropout: number;
  readonly batches: number;
  readonly threads: number;
  /** Of ours; see `recomputing` of @wbdc/nn. */
  readonly recompute: boolean;
}

const BASE = {
  layers: 12,
  width: 768,
  batch: 16,
  vocabulary: 21128,
  tokens: 128,
  frames: 32,
  frameSize: 768,
  tags: 10_000,
};
/** A step of QQ's pretraining, the batch in accumulated parts of 8. */
const LARGE = { ...BASE, layers: 24, width: 1024, batch: 8, tokens: 36, frameSize: 1536 };
const SMALL = { layers: 2, width: 128, batch: 4, vocabulary: 3001, tokens: 64, frames: 8, frameSize: 96, tags: 500 };

type Chosen = Pick<Options, 'small' | 'large' | 'recompute' | 'sizes' | 'rounds' | 'threads'>;

export function recipeOf({ small, large, recompute, sizes, rounds, threads }: Chosen): Recipe {
  const preset = { ...(small ? SMALL : large ? LARGE : BASE), ...sizes };
  if (preset.width % 64 !== 0) throw new RangeError(`--width: expected a multiple of 64, got ${preset.width}`);
  const { width } = preset;
  const derived = { heads: width / 64, intermediate: 4 * width, positions: WBDC_BASE.maxPositions };
  return { ...preset, ...derived, dropout: 0.1, batches: rounds + 1, threads, recompute };
}

/** The null device has little memory; what a step costs the host does not depend on widths. */
export function narrow(recipe: Recipe): Recipe {
  return { ...recipe, width: 64, heads: 1, intermediate: 256, batch: 4, vocabulary: 2000, frameSize: 96, tags: 500 };
}

/** The encoder's sizes. */
export function configOf(recipe: Recipe): UniModelConfig {
  const { vocabulary, width, layers, heads, intermediate, frameSize, frames, dropout, positions } = recipe;
  return {
    ...WBDC_BASE,
    vocabSize: vocabulary,
    hiddenSize: width,
    intermediateSize: intermediate,
    maxPositions: positions,
    maxFrames: frames,
    layers,
    heads,
    frameSize,
    dropout,
  };
}

/** The model and objectives of the base recipe: mlm, mfm and tag in one pass. */
export function modelOf(recipe: Recipe) {
  const { vocabulary, tags } = recipe;
  const kept = uniModel(configOf(recipe));
  const encoder = recipe.recompute ? recomputing(kept) : kept;
  const tasks = [mlm({ ...SPECIAL, vocabSize: vocabulary }), mfm(), tag({ tagCount: tags })];
  return { encoder, model: pretraining(encoder, [{ tasks: tasks.map((task) => ({ task, weight: 1 })) }]) };
}

const CLS = 101;
const SEP = 102;
/** As in bert-base-chinese. */
const SPECIAL = { mask: 103, special: [0, 100, CLS, SEP, 103] };
const FIRST_ORDINARY = 104;

/** Corrupted batches of mixed lengths, the same in every process. */
export function makeViews(recipe: Recipe): PreparedView[] {
  const { model } = modelOf(recipe);
  return makeBatches(recipe).flatMap((batch, i) => model.prepare(batch, foldIn(randomKey(7), i)));
}

const EPOCH = 64;

/**
 * Some batches of an epoch as `batchesOfEpoch` makes them, with videos of like length together: evenly from the
 * shortest to the longest, in an order of their own, so that their median is an epoch's.
 */
export function makeBatches(recipe: Recipe): Batch[] {
  const { batch, batches } = recipe;
  const key = randomKey(2022);
  const lengths = Array.from({ length: EPOCH * batch }, (_, i) => textLengths(foldIn(key, i), recipe.tokens));
  const totals = lengths.map((of) => sum(of) + of.length + 1);
  const longest = (of: readonly number[]): number => Math.max(...of.map((i) => totals[i]));
  const epoch = batchesOfEpoch({ lengths: totals, batchSize: batch, seed: 1, epoch: 0 });
  epoch.sort((a, b) => longest(a) - longest(b));
  const chosen = Array.from({ length: batches }, (_, i) => epoch[Math.floor(((i + 0.5) * EPOCH) / batches)]);
  // A multiplicative order: the first, which only warms up, is one of middle length.
  const order = chosen.map((_, i) => chosen[(i * stride(batches) + (batches >> 1)) % batches]);
  return order.map((of) => collate(of.map((i) => makeVideo(foldIn(key, i), lengths[i], recipe))));
}

/** A number near 0.6 n without a common divisor with n. */
function stride(n: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let step = Math.max(1, Math.round(0.6 * n));
  while (divisor(step, n) > 1) step++;
  return step;
}

const FIELDS = [
  { field: 'title', present: 1, median: 18, deviation: 0.5 },
  { field: 'ocr', present: 0.75, median: 30, deviation: 0.8 },
  { field: 'asr', present: 0.6, median: 45, deviation: 0.9 },
] as const;

/** In words, for the report. */
export const LENGTHS =
  'text lengths: log-normal, medians 18 (title), 30 (OCR, 75 % of videos) and 45 (ASR, 60 %) tokens, ' +
  'deviations of the logarithm 0.5, 0.8 and 0.9, cut to the maximum';

/** Tokens of title, OCR and ASR, cut from the end of the longest until they fit with `[CLS]` and three `[SEP]`. */
function textLengths(key: Key, budget: number): number[] {
  const lengths = FIELDS.map(({ present, median, deviation }, i) => {
    const normal = Math.sqrt(-2 * Math.log(1 - uniform(key, 3 * i))) * Math.cos(2 * Math.PI * uniform(key, 3 * i + 1));
    return uniform(key, 3 * i + 2) < present ? Math.max(1, Math.round(median * Math.exp(deviation * normal))) : 0;
  });
  while (sum(lengths) + lengths.length + 1 > budget) lengths[lengths.indexOf(Math.max(...lengths))]--;
  return lengths;
}

function makeVideo(key: Key, lengths: readonly number[], { vocabulary, frames, frameSize, tags }: Recipe): Example {
  const words = foldIn(key, 'words');
  const tokens = [CLS];
  const spans = FIELDS.map(({ field }, i) => {
    const start = tokens.length;
    for (let k = 0; k < lengths[i]; k++) {
      tokens.push(FIRST_ORDINARY + randomInt(words, tokens.length, vocabulary - FIRST_ORDINARY));
    }
    tokens.push(SEP);
    return { field, start, end: start + lengths[i] };
  });
  const pixels = foldIn(key, 'frames');
  const features = Float32Array.from({ length: frames * frameSize }, (_, i) => uniform(pixels, i) - 0.5);
  const chosen = foldIn(key, 'tags');
  const own = Array.from({ length: 1 + randomInt(chosen, 0, 6) }, (_, i) => randomInt(chosen, i + 1, tags));
  const segments = new Int32Array(tokens.length);
  return { id: String(key[0]), tokens, segments, spans, frames: floats([frames, frameSize], features), tags: own };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Real positions of a batch, text and frames. */
export function realPositions({ textMask, frameMask }: Batch): number {
  return textMask.data.reduce((a, b) => a + b, 0) + frameMask.data.reduce((a, b) => a + b, 0);
}

/** Writes recipe and batches for the contenders in Python: JSON, and the clean frames as raw float32. */
export function writeForPython(recipe: Recipe, views: readonly PreparedView[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'wbdc-bench-'));
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify(recipe));
  views.forEach(({ batch, targets }, i) => {
    const [masked, frames] = targets as [MlmTarget, MfmTarget];
    const length = batch.tokens.shape[1];
    const tokens = batch.ids.map((_, row) => {
      const used = batch.textMask.data.subarray(row * length, (row + 1) * length).reduce((a, b) => a + b, 0);
      return Array.from(batch.tokens.data.subarray(row * length, row * length + used));
    });
    const maskedTokens = Array.from(masked.rows, (at, k) => [Math.floor(at / length), at % length, masked.labels[k]]);
    const text = { tokens, maskedTokens, maskedFrames: Array.from(frames.rows), tags: batch.tags };
    writeFileSync(join(folder, `${i}.json`), JSON.stringify(text));
    writeFileSync(join(folder, `${i}.f32`), frames.candidates.data);
  });
  return folder;
}
