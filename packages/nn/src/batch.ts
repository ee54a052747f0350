import { floats, ints, type Floats, type Ints } from './host.js';

/** Where one text field (title, OCR, ASR) stands in a token row: tokens `[start, end)`, separators excluded. */
export interface FieldSpan {
  readonly field: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Videos ready for an encoder, in host memory. B videos, L token columns (the longest row of this batch), F frame
 * columns, Dv frame features. Padding stands at the end of a row. A missing modality is a mask of zeros.
 */
export interface Batch {
  /** Video ids, B of them. */
  readonly ids: readonly string[];
  /** WordPiece ids `[B, L]`, `[CLS]` first. */
  readonly tokens: Ints;
  /** Token types `[B, L]`. */
  readonly segments: Ints;
  /** 1 for a token, 0 for padding `[B, L]`. */
  readonly textMask: Ints;
  /** Frame features `[B, F, Dv]`, zero where padded. */
  readonly frames: Floats;
  /** 1 for a frame, 0 for padding `[B, F]`. */
  readonly frameMask: Ints;
  /** Field spans of every row. */
  readonly spans: readonly (readonly FieldSpan[])[];
  /** Indices into the tag list, per video, where the data have tags. */
  readonly tags?: readonly (readonly number[])[];
  /** False where a task put the frames of another video beside the text; absent where it always is the same video. */
  readonly matched?: readonly boolean[];
  /** Frame features of earlier batches `[N, Dv]`: further wrong answers for tasks that choose among frames. */
  readonly pastFrames?: Floats;
  /** Texts of earlier batches, tokens of one field each: further wrong answers for tasks that choose among texts. */
  readonly pastTexts?: readonly Int32Array[];
}

/** One of the processes that share the work of a batch: number `index`, from 0, of `count`. */
export interface Part {
  readonly index: number;
  readonly count: number;
}

/** Of `length` items those of a part: a range, and all ranges of nearly one length. */
export function partOf(length: number, { index, count }: Part): Int32Array {
  const [start, end] = [Math.floor((length * index) / count), Math.floor((length * (index + 1)) / count)];
  return Int32Array.from({ length: end - start }, (_, i) => start + i);
}

/** The batch with so many columns of tokens and of frames at least, the new ones of padding. */
export function padBatch(
  batch: Batch,
  { length, frames }: { readonly length: number; readonly frames: number },
): Batch {
  const [, columns] = batch.tokens.shape;
  const [, count] = batch.frameMask.shape;
  if (columns >= length && count >= frames) return batch;
  const [L, F] = [Math.max(length, columns), Math.max(frames, count)];
  return {
    ...batch,
    tokens: padInts(batch.tokens, L),
    segments: padInts(batch.segments, L),
    textMask: padInts(batch.textMask, L),
    frames: padFloats(batch.frames, F),
    frameMask: padInts(batch.frameMask, F),
  };
}

/** `[B, N]` to `[B, columns]`, zeros behind. */
function padInts({ data, shape: [rows, width] }: Ints, columns: number): Ints {
  const padded = ints([rows, columns]);
  for (let i = 0; i < rows; i++) padded.data.set(data.subarray(i * width, (i + 1) * width), i * columns);
  return padded;
}

/** `[B, N, Dv]` to `[B, columns, Dv]`, zeros behind. */
function padFloats({ data, shape: [rows, count, width] }: Floats, columns: number): Floats {
  const padded = floats([rows, columns, width]);
  const size = count * width;
  for (let i = 0; i < rows; i++) padded.data.set(data.subarray(i * size, (i + 1) * size), i * columns * width);
  return padded;
}

/** The batch of some rows of another. */
export function takeRows(batch: Batch, rows: ArrayLike<number>): Batch {
  const order = Array.from(rows);
  const pick = <T>(list: readonly T[]): T[] => order.map((row) => list[row]);
  return {
    ids: pick(batch.ids),
    tokens: takeInts(batch.tokens, order),
    segments: takeInts(batch.segments, order),
    textMask: takeInts(batch.textMask, order),
    frames: takeFloats(batch.frames, order),
    frameMask: takeInts(batch.frameMask, order),
    spans: pick(batch.spans),
    ...(batch.tags && { tags: pick(batch.tags) }),
    ...(batch.matched && { matched: pick(batch.matched) }),
    ...(batch.pastFrames && { pastFrames: batch.pastFrames }),
    ...(batch.pastTexts && { pastTexts: batch.pastTexts }),
  };
}

function takeInts({ data, shape }: Ints, rows: readonly number[]): Ints {
  const width = data.length / shape[0];
  const taken = ints([rows.length, ...shape.slice(1)]);
  rows.forEach((row, i) => taken.data.set(data.subarray(row * width, (row + 1) * width), i * width));
  return taken;
}

function takeFloats({ data, shape }: Floats, rows: readonly number[]): Floats {
  const width = data.length / shape[0];
  const taken = floats([rows.length, ...shape.slice(1)]);
  rows.forEach((row, i) => taken.data.set(data.subarray(row * width, (row + 1) * width), i * width));
  return taken;
}

/** Throws where a batch is not of a model's sizes; `model` begins the message. */
export function assertBatchFits(
  model: string,
  { frames, tokens }: Batch,
  { frameSize, maxFrames, vocabSize }: { frameSize: number; maxFrames: number; vocabSize: number },
): void {
  const [, count, width] = frames.shape;
  if (count > 0 && width !== frameSize) {
    throw new RangeError(
      `${model}: expected frame features of width ${frameSize}, got ${width}: ` +
        'use features of the tower this model was configured for, or set frameSize',
    );
  }
  if (count > maxFrames) {
    throw new RangeError(
      `${model}: expected at most ${maxFrames} frames, got ${count}: sample fewer or raise maxFrames`,
    );
  }
  const foreign = tokens.data.find((id) => id < 0 || id >= vocabSize);
  if (foreign !== undefined) {
    throw new RangeError(
      `${model}: expected token ids below ${vocabSize}, got ${foreign}: ` +
        'the tokenizer and the model have different vocabularies',
    );
  }
}
