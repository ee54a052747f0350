import type { Floats, Ints } from './host.js';

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
}
