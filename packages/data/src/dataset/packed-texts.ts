import type { FieldSpan } from '@wbdc/nn';
import { Growing } from '../store/growing.js';

/** A tokenised text as `packText` of @wbdc/tokenizer gives it. */
export interface PackedText {
  readonly tokens: ArrayLike<number>;
  readonly segments: ArrayLike<number>;
  readonly spans: readonly FieldSpan[];
}

/** Marks a field that a text does not have. */
const ABSENT = 0xffff;

/**
 * Tokenised texts side by side in typed arrays, 2 bytes a token (4 beyond 65,536 words) and 1 for its type: a million
 * videos of 100 tokens take 300 MB, and tokenisation happens once.
 */
export class PackedTexts {
  private readonly tokens: Growing<Uint16Array | Int32Array>;
  private readonly segments = new Growing((length) => new Uint8Array(length));
  private readonly starts = new Growing((length) => new Float64Array(length));
  /** Start and end of every field, in the order of `fields`. */
  private readonly spans = new Growing((length) => new Uint16Array(length));

  constructor(
    vocabSize: number,
    private readonly fields: readonly string[],
  ) {
    this.tokens = new Growing((length) => (vocabSize > 1 << 16 ? new Int32Array(length) : new Uint16Array(length)));
    this.starts.push(0);
  }

  add({ tokens, segments, spans }: PackedText): void {
    this.tokens.append(tokens);
    this.segments.append(segments);
    this.starts.push(this.tokens.length);
    for (const field of this.fields) {
      const span = spans.find((candidate) => candidate.field === field);
      this.spans.append(span ? [span.start, span.end] : [ABSENT, ABSENT]);
    }
  }

  length(i: number): number {
    return this.starts.at(i + 1) - this.starts.at(i);
  }

  get(i: number): PackedText {
    const [start, end] = [this.starts.at(i), this.starts.at(i + 1)];
    const spans = this.fields.map((field, k) => {
      const at = 2 * (i * this.fields.length + k);
      return { field, start: this.spans.at(at), end: this.spans.at(at + 1) };
    });
    return {
      tokens: this.tokens.subarray(start, end),
      segments: this.segments.subarray(start, end),
      spans: spans.filter((span) => span.start !== ABSENT),
    };
  }
}
