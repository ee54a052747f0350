import * as tf from '@tensorflow/tfjs';
import type { Tensor2D } from '@tensorflow/tfjs';
import {
  floats,
  groupFrames,
  groupRows,
  hideEqual,
  ints,
  joinColumns,
  meanPool,
  partOf,
  takeRows,
  type Batch,
  type Encoded,
  type FieldSpan,
  type Ints,
  type LossResult,
  type Part,
} from '@wbdc/nn';
import {
  assertTemperature,
  contrastiveLoss,
  dividedContrastiveLoss,
  logScaleOf,
  newTemperature,
  type ContrastiveOptions,
  type Temperature,
} from './contrastive.js';
import { takeIntRows } from './divide.js';
import { chance, hasFrames } from './mfm.js';
import { noLoss, type Corrupted, type Divided, type LossInput, type Task } from './task.js';

export interface FtcOptions extends ContrastiveOptions {
  /** The `[SEP]` token. */
  readonly separator: number;
  /** The field that stands alone: the title. */
  readonly field?: string;
  /** What stands for a half: the state of `[CLS]` (default), or the mean over its tokens and frames (WBDC). */
  readonly pooling?: 'cls' | 'mean';
  /** The losses of the two directions: their mean (default), or their sum (WBDC). */
  readonly reduction?: 'mean' | 'sum';
}

export type FtcHead = Temperature;

export interface FtcTarget {
  /** M, the videos that have a title and something else. */
  readonly videos: number;
  /** N, the texts of earlier batches: the corrupted batch has 2M + N rows. */
  readonly past: number;
  /**
   * `[M, M + N]`: hides videos of the same title or the same rest, which are no wrong answers; absent where none are.
   */
  readonly hidden?: Float32Array;
  /** Which tokens and frames a mean is over `[2M + N, L + F]`. */
  readonly mask?: Ints;
  /** Where several processes share the batch: M of all of them, and how many stand before those of this one. */
  readonly of?: { readonly total: number; readonly first: number };
}

/**
 * Frame-text contrastive, an Inverse Cloze Task (Lee et al., arXiv 1906.00300): the title alone must find the frames,
 * OCR and ASR it was taken from, by the states of `[CLS]`, or the means, under the same encoder. Both halves go
 * through it as one batch of 2M rows: first the titles, without frames, then the rest; behind them the titles of
 * earlier batches (`pastTexts`), encoded anew and so never stale, which the rest must not find. Videos without a
 * title, or with nothing else, are left out: there is nothing to match.
 */
export function ftc(settings: FtcOptions): Task<FtcHead, FtcTarget> {
  const { separator, field = 'title', pooling = 'cls', ...options } = settings;
  assertTemperature('ftc', options.temperature ?? 'learned');
  return {
    name: 'ftc',
    init: () => newTemperature('ftc', options),
    corrupt: (batch) => withMask(separate(batch, separator, field), pooling),
    divide: divideVideos,
    loss: (input) => {
      const { head, encoded, target } = input;
      if (target.of) return dividedLoss(input, options);
      const { videos, past, hidden } = target;
      if (videos === 0) return { loss: noLoss(encoded), count: 0, metrics: {} };
      const pooled = poolRows(encoded, target); // [2M + N, D]
      const rows = (start: number, count: number): Tensor2D => tf.slice(pooled, [start, 0], [count, pooled.shape[1]]);
      const current = rows(0, videos);
      const titles: Tensor2D = past === 0 ? current : tf.concat([current, rows(2 * videos, past)]); // [M + N, D]
      return contrastiveLoss(rows(videos, videos), titles, logScaleOf(head, options), { ...options, hidden }, NAMES);
    },
    asked: ({ videos }) => ({ loss: videos }),
    baseline: ({ videos, past, hidden }) => ({
      'title to rest': chance(videos, videos, hidden),
      'rest to title': chance(videos, videos + past, hidden),
    }),
  };
}

function withMask({ batch, target }: Corrupted<FtcTarget>, pooling: 'cls' | 'mean'): Corrupted<FtcTarget> {
  if (pooling === 'cls') return { batch, target };
  return { batch, target: { ...target, mask: joinColumns(batch.textMask, batch.frameMask) } };
}

/** `[2M + N, D]` */
function poolRows({ cls, text, frames }: Encoded, { mask }: FtcTarget): Tensor2D {
  return mask ? meanPool(tf.concat([text, frames], 1), mask) : cls;
}

const NAMES = ['rest to title', 'title to rest'] as const;

/** The titles and rests of some videos, and all past titles, which every process encodes for itself. */
function divideVideos(target: FtcTarget, _batch: Batch, part: Part): Divided<FtcTarget> {
  const { videos: total, past, mask } = target;
  if (total === 0) return { rows: Int32Array.of(0), target };
  const own = partOf(total, part);
  const encoded = own.length > 0 ? own : Int32Array.of(0);
  const behind = Int32Array.from({ length: past }, (_, i) => 2 * total + i);
  const rows = Int32Array.of(...encoded, ...encoded.map((video) => total + video), ...behind);
  const divided = { ...target, videos: own.length, of: { total, first: own[0] ?? 0 } };
  return { rows, target: { ...divided, ...(mask && { mask: takeIntRows(mask, rows) }) } };
}

function dividedLoss(
  { head, encoded, target, communicator }: LossInput<FtcHead, FtcTarget>,
  options: ContrastiveOptions,
): LossResult {
  const { videos: count, past, hidden, of } = target;
  const pooled = poolRows(encoded, target); // [2Q + N, D]
  const encodedVideos = Math.max(1, count);
  const rows = (start: number, length: number): Tensor2D => tf.slice(pooled, [start, 0], [length, pooled.shape[1]]);
  const divided = {
    communicator: communicator!,
    left: rows(encodedVideos, encodedVideos),
    right: rows(0, encodedVideos),
    past: past === 0 ? undefined : rows(2 * encodedVideos, past),
    ...{ count, ...of! },
  };
  return dividedContrastiveLoss(divided, logScaleOf(head, options), { ...options, hidden }, NAMES);
}

/** The tokens of a field of all videos that have it: a later batch's `pastTexts`. */
export function packTexts(batch: Batch, field: string): Int32Array[] {
  return batch.spans.flatMap((spans, row) => {
    const match = spans.find((span) => span.field === field);
    return match && match.end > match.start ? [rowTokens(batch, row).slice(match.start, match.end)] : [];
  });
}

function rowTokens({ tokens: { data, shape } }: Batch, row: number): Int32Array {
  return data.subarray(row * shape[1], (row + 1) * shape[1]);
}

/** Videos that have a title, and frames or another text. */
function withBoth(batch: Batch, field: string): Int32Array {
  const has = (row: number, wanted: (span: FieldSpan) => boolean): boolean =>
    batch.spans[row].some((span) => span.end > span.start && wanted(span));
  const rest = (row: number): boolean => hasFrames(batch, row) || has(row, (span) => span.field !== field);
  return Int32Array.from(batch.ids.keys()).filter((row) => has(row, (span) => span.field === field) && rest(row));
}

function separate(all: Batch, separator: number, field: string): Corrupted<FtcTarget> {
  const rows = withBoth(all, field);
  if (rows.length === 0) return { batch: takeRows(all, [0]), target: { videos: 0, past: 0 } };
  return split(takeRows(all, rows), separator, field);
}

function split(batch: Batch, separator: number, field: string): Corrupted<FtcTarget> {
  const videos = batch.ids.length;
  const present = new Set(packTexts(batch, field).map(String)); // what a video of the batch says is not wrong for it
  const pastTexts = (batch.pastTexts ?? []).filter((text) => !present.has(String(text)));
  const rowsOf = (wanted: (span: FieldSpan) => boolean): TokenRow[] =>
    batch.spans.map((spans, row) => tokenRow(rowTokens(batch, row), spans.filter(wanted), separator));
  const first = batch.tokens.data[0];
  const past = pastTexts.map((text) =>
    tokenRow(Int32Array.of(first, ...text), [{ field, start: 1, end: 1 + text.length }], separator),
  );
  const rows = [...rowsOf((span) => span.field === field), ...rowsOf((span) => span.field !== field), ...past];
  const length = Math.max(...rows.map((row) => row.tokens.length));
  const tokens = ints([rows.length, length]);
  const textMask = ints([rows.length, length]);
  rows.forEach((row, i) => {
    tokens.data.set(row.tokens, i * length);
    textMask.data.fill(1, i * length, i * length + row.tokens.length);
  });
  const [, count, width] = batch.frames.shape;
  const frames = floats([rows.length, count, width]);
  const frameMask = ints([rows.length, count]);
  frames.data.set(batch.frames.data, videos * count * width);
  frameMask.data.set(batch.frameMask.data, videos * count);
  const ids = [...batch.ids, ...batch.ids, ...past.map(() => 'past')];
  const spans = rows.map((row) => row.spans);
  return {
    batch: { ids, tokens, segments: ints(tokens.shape), textMask, frames, frameMask, spans },
    target: { videos, past: past.length, ...equalAnswers(batch, rows, videos) },
  };
}

/** Videos whose titles are the same, or whose frames and other texts are: each is a right answer for the other. */
function equalAnswers(batch: Batch, rows: readonly TokenRow[], videos: number): Pick<FtcTarget, 'hidden'> {
  const tokensOf = (from: number): Int32Array => groupRows(rows.slice(from, from + videos).map(({ tokens }) => tokens));
  const [title, text, frames] = [tokensOf(0), tokensOf(videos), groupFrames(batch)];
  const rest = groupRows(Array.from(text, (group, video) => [group, frames[video]]));
  const past = Array.from({ length: rows.length - 2 * videos }, (_, i) => videos + i);
  const answers = Int32Array.from({ length: videos }, (_, i) => i);
  const hidden = hideEqual(answers, Int32Array.of(...title, ...past), Int32Array.of(...rest, ...past));
  return hidden ? { hidden } : {};
}

interface TokenRow {
  readonly tokens: readonly number[];
  readonly spans: readonly FieldSpan[];
}

/** `[CLS] field [SEP] field [SEP]` of some spans of a row. */
function tokenRow(source: Int32Array, spans: readonly FieldSpan[], separator: number): TokenRow {
  const tokens = [source[0]];
  const moved: FieldSpan[] = [];
  for (const { field, start, end } of spans) {
    moved.push({ field, start: tokens.length, end: tokens.length + end - start });
    tokens.push(...source.subarray(start, end), separator);
  }
  return { tokens, spans: moved };
}
