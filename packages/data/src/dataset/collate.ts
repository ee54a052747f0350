import { floats, ints, type Batch, type FieldSpan, type Floats } from '@wbdc/nn/plain';

/** One video, ready for a batch. */
export interface Example {
  readonly id: string;
  readonly tokens: ArrayLike<number>;
  /** Token types, one a token. */
  readonly segments: ArrayLike<number>;
  readonly spans: readonly FieldSpan[];
  /** `[n, Dv]`; n = 0 for a video without frames. */
  readonly frames: Floats;
  /** Indices into the tag list. */
  readonly tags?: readonly number[];
  /** 4 digits, where the video is labelled. */
  readonly categoryId?: string;
  /** Of videos that must not be divided between training and validation; see `Video`. */
  readonly group?: string;
}

/**
 * Examples as one batch, padded to its own longest row (and at least one column, so that no tensor is empty). Tags are
 * there when an example has them; one that came without has none.
 *
 * @throws RangeError when examples differ in the width of their frames
 */
export function collate(examples: readonly Example[]): Batch {
  const rows = examples.length;
  const width = examples[0]?.frames.shape[1];
  if (!width) throw new RangeError(`expected at least one example with frames [n, Dv], got ${rows} examples`);
  const length = Math.max(1, ...examples.map((example) => example.tokens.length));
  const frameCount = Math.max(1, ...examples.map((example) => example.frames.shape[0]));
  const batch = {
    ids: examples.map((example) => example.id),
    tokens: ints([rows, length]),
    segments: ints([rows, length]),
    textMask: ints([rows, length]),
    frames: floats([rows, frameCount, width]),
    frameMask: ints([rows, frameCount]),
    spans: examples.map((example) => example.spans),
  };
  examples.forEach((example, row) => fillRow(batch, row, example));
  if (examples.every(({ tags }) => tags === undefined)) return batch;
  return { ...batch, tags: examples.map(({ tags = [] }) => tags) };
}

function fillRow(batch: Batch, row: number, { id, tokens, segments, frames }: Example): void {
  const [, length] = batch.tokens.shape;
  const [, frameCount, width] = batch.frames.shape;
  if (frames.shape[1] !== width) {
    throw new RangeError(
      `${id}: expected frames [n, ${width}] as in the rest of the batch, got [${frames.shape.join(', ')}]`,
    );
  }
  batch.tokens.data.set(tokens, row * length);
  batch.segments.data.set(segments, row * length);
  batch.textMask.data.fill(1, row * length, row * length + tokens.length);
  batch.frames.data.set(frames.data, row * frameCount * width);
  batch.frameMask.data.fill(1, row * frameCount, row * frameCount + frames.shape[0]);
}
