import * as tf from '@tensorflow/tfjs';
import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import { floats, ints, parameter, type Batch, type FieldSpan } from '@wbdc/nn';
import { INITIAL_LOG_SCALE, contrastiveLoss } from './contrastive.js';
import { chance } from './mfm.js';
import type { Corrupted, Task } from './task.js';

export interface FtcOptions {
  /** The `[SEP]` token. */
  readonly separator: number;
  /** The field that stands alone: the title. */
  readonly field?: string;
  /** `learned` (from 0.07, as CLIP), or fixed. WBDC had none, which is 1: the loss cannot fall below ln B - 2. */
  readonly temperature?: 'learned' | number;
}

export interface FtcHead {
  /** Of a learned temperature. */
  readonly logScale?: Scalar;
}

export interface FtcTarget {
  /** B; the corrupted batch has twice as many rows. */
  readonly videos: number;
}

/**
 * Frame-text contrastive, an Inverse Cloze Task (Lee et al., arXiv 1906.00300): the title alone must find the frames, OCR
 * and ASR it was taken from, by the states of `[CLS]` under the same encoder. Both halves go through it as one batch of
 * 2B rows: first the titles, without frames, then the rest.
 */
export function ftc({ separator, field = 'title', temperature = 'learned' }: FtcOptions): Task<FtcHead, FtcTarget> {
  if (temperature !== 'learned' && !(temperature > 0)) {
    throw new RangeError(`ftc: expected 'learned' or a temperature above 0, got ${temperature}`);
  }
  return {
    name: 'ftc',
    init: () => {
      if (temperature !== 'learned') return {};
      return { logScale: parameter(new Float32Array([INITIAL_LOG_SCALE]), []) as tf.Tensor as Scalar };
    },
    corrupt: (batch) => separate(batch, separator, field),
    loss: ({ head, encoded, target: { videos } }) => {
      const part = (start: number): Tensor2D => tf.slice(encoded.cls, [start, 0], [videos, encoded.cls.shape[1]]);
      const logScale = head.logScale ?? tf.scalar(-Math.log(temperature as number));
      return contrastiveLoss(part(0), part(videos), logScale, ['title to rest', 'rest to title']);
    },
    baseline: ({ videos }) => ({
      'title to rest': chance(videos, videos),
      'rest to title': chance(videos, videos),
    }),
  };
}

function separate(batch: Batch, separator: number, field: string): Corrupted<FtcTarget> {
  const videos = batch.ids.length;
  const alone = batch.spans.map((spans, row) =>
    tokenRow(
      batch,
      row,
      spans.filter((span) => span.field === field),
      separator,
    ),
  );
  const rest = batch.spans.map((spans, row) =>
    tokenRow(
      batch,
      row,
      spans.filter((span) => span.field !== field),
      separator,
    ),
  );
  const rows = [...alone, ...rest];
  const length = Math.max(...rows.map((row) => row.tokens.length));
  const tokens = ints([2 * videos, length]);
  const textMask = ints([2 * videos, length]);
  rows.forEach((row, i) => {
    tokens.data.set(row.tokens, i * length);
    textMask.data.fill(1, i * length, i * length + row.tokens.length);
  });
  const twice = <T>(list: readonly T[]): T[] => [...list, ...list];
  const [, count, width] = batch.frames.shape;
  const frames = floats([2 * videos, count, width]);
  const frameMask = ints([2 * videos, count]);
  frames.data.set(batch.frames.data, videos * count * width);
  frameMask.data.set(batch.frameMask.data, videos * count);
  const halves = {
    tokens,
    segments: ints(tokens.shape),
    textMask,
    frames,
    frameMask,
    spans: rows.map(({ spans }) => spans),
  };
  return { batch: { ids: twice(batch.ids), ...halves }, target: { videos } };
}

/** `[CLS] field [SEP] field [SEP]` of some spans of a row. */
function tokenRow(
  batch: Batch,
  row: number,
  spans: readonly FieldSpan[],
  separator: number,
): { tokens: number[]; spans: FieldSpan[] } {
  const source = batch.tokens.data.subarray(row * batch.tokens.shape[1], (row + 1) * batch.tokens.shape[1]);
  const tokens = [source[0]];
  const moved: FieldSpan[] = [];
  for (const { field, start, end } of spans) {
    moved.push({ field, start: tokens.length, end: tokens.length + end - start });
    tokens.push(...source.subarray(start, end), separator);
  }
  return { tokens, spans: moved };
}
