import type { FieldSpan } from '@wbdc/nn/plain';
import { Growing } from '@wbdc/io/tables';

/** A tokenised text as `packText` of @wbdc/tokenizer gives it. */
export interface PackedText {
  readonly tokens: ArrayLike<number>;
  readonly segments: ArrayLike<number>;
  readonly spans: readonly FieldSpan[];
}

/** Texts in memory that threads share. */
export interface SharedTexts {
  readonly fields: readonly string[];
  readonly tokens: Uint16Array | Int32Array;
  readonly segments: Uint8Array;
  readonly starts: Float64Array;
  readonly spans: Uint16Array;
}

/** Marks a field that a text does not have. */
const ABSENT = 0xffff;

/**
 * Tokenised texts side by side in typed arrays, 2 bytes a token (4 beyond 65,536 words) and 1 for its type: a million
 * videos of 100 tokens take 300 MB, and tokenisation happens once.
 */
export class PackedTexts {
  private constructor(
    private readonly fields: readonly string[],
    private readonly tokens: Growing<Uint16Array | Int32Array>,
    private readonly segments: Growing<Uint8Array>,
    private readonly starts: Growing<Float64Array>,
    /** Start and end of every field, in the order of `fields`. */
    private readonly spans: Growing<Uint16Array>,
  ) {}

  static create(vocabSize: number, fields: readonly string[]): PackedTexts {
    const tokens = new Growing<Uint16Array | Int32Array>(vocabSize > 1 << 16 ? Int32Array : Uint16Array);
    const starts = new Growing(Float64Array);
    starts.push(0);
    return new PackedTexts(fields, tokens, new Growing(Uint8Array), starts, new Growing(Uint16Array));
  }

  /** What another thread has shared. */
  static of({ fields, tokens, segments, starts, spans }: SharedTexts): PackedTexts {
    return new PackedTexts(fields, Growing.of(tokens), Growing.of(segments), Growing.of(starts), Growing.of(spans));
  }

  share(): SharedTexts {
    const { fields, tokens, segments, starts, spans } = this;
    return {
      ...{ fields, tokens: tokens.share(), segments: segments.share() },
      ...{ starts: starts.share(), spans: spans.share() },
    };
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
