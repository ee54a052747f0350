import { WbdcError } from '@wbdc/io/errors';
import type { SpecialIds } from './vocabulary.js';

/** How text fields become one row of tokens. */
export interface TextLayout {
  /** Fields in their order in the row. */
  readonly fields: readonly string[];
  /** Longest row, special tokens included. */
  readonly budget: number;
  /** Most tokens of a field; applied before the budget. */
  readonly limits?: Readonly<Record<string, number>>;
  /** false: `[CLS] a [SEP] b [SEP]`; true: `[CLS] [SEP] a [SEP] b [SEP]`. */
  readonly separatorFirst: boolean;
  /** Segment id of a field and of the separator behind it. Default 0: both originals left all of them 0. */
  readonly segments?: Readonly<Record<string, number>>;
}

/**
 * WBDC 2022: `[CLS] title [SEP] ocr [SEP] asr [SEP]`, at most 256 tokens.
 */
export const WBDC_LAYOUT: TextLayout = { fields: ['title', 'ocr', 'asr'], budget: 256, separatorFirst: false };

/**
 * QQ Browser 2021: `[CLS] [SEP] title [SEP]`, at most 36 tokens in all. The original row is `[CLS] frames [SEP] title
 * [SEP]` with frames and text numbered apart, so the title's positions begin at 2; where frames stand carries no
 * meaning. Its jobs 2 and 3 had `frames [CLS] title [SEP]`, which is `separatorFirst: false`.
 */
export const QQ_LAYOUT: TextLayout = { fields: ['title'], budget: 36, separatorFirst: true };

/**
 * A layout from JSON, as checkpoints keep it; what else stands there is passed over.
 *
 * @param where names the value in errors
 * @throws WbdcError where it is no layout, Error where its numbers do not fit together
 */
export function parseLayout(json: unknown, where: string): TextLayout {
  const { fields, budget, limits, separatorFirst, segments } = (json ?? {}) as Readonly<Record<string, unknown>>;
  const isNames = Array.isArray(fields) && fields.every((field) => typeof field === 'string');
  if (!isNames || typeof budget !== 'number' || typeof separatorFirst !== 'boolean') {
    throw new WbdcError({
      where,
      expected: 'a text layout { fields, budget, separatorFirst }',
      got: JSON.stringify(json)?.slice(0, 80) ?? 'nothing',
    });
  }
  const layout = {
    fields,
    budget,
    separatorFirst,
    ...(limits !== undefined && { limits: { ...(limits as TextLayout['limits']) } }),
    ...(segments !== undefined && { segments: { ...(segments as TextLayout['segments']) } }),
  };
  checkLayout(layout);
  return layout;
}

/** One row of L tokens; special tokens are in no span. */
export interface PackedText {
  /** WordPiece ids `[L]`. */
  tokens: number[];
  /** Token types `[L]`. */
  segments: number[];
  /** Tokens `[start, end)` of every field of the layout, in its order; empty where the field is empty. */
  spans: { field: string; start: number; end: number }[];
}

/** What packing needs of a tokenizer. */
export interface TextEncoder {
  readonly special: Pick<SpecialIds, 'cls' | 'sep'>;
  encode(text: string): number[];
}

/**
 * Packs the texts of a video into one row. A field that the video has not is empty; texts the layout does not name are
 * left out. See {@link packTokens} for the rule of what is dropped.
 *
 * @param texts field -> text
 * @throws when the layout itself is wrong: a budget below its special tokens, repeated or unknown fields
 */
export function packText(
  tokenizer: TextEncoder,
  texts: Readonly<Record<string, string>>,
  layout: TextLayout,
): PackedText {
  const encoded = layout.fields.map((field) => [field, tokenizer.encode(texts[field] ?? '')] as const);
  return packTokens(tokenizer.special, Object.fromEntries(encoded), layout);
}

/**
 * As {@link packText}, for fields that are token ids already.
 *
 * What does not fit: a field is cut to its own limit first; then, one token at a time, the longest field loses its last
 * token until the row fits the budget. Of fields equally long the later one in the layout loses, so the title, which
 * stands first, is the last to be cut.
 */
export function packTokens(
  special: Pick<SpecialIds, 'cls' | 'sep'>,
  fields: Readonly<Record<string, readonly number[]>>,
  layout: TextLayout,
): PackedText {
  const room = checkLayout(layout);
  const lengths = layout.fields.map((field) => {
    return Math.min(fields[field]?.length ?? 0, layout.limits?.[field] ?? Number.POSITIVE_INFINITY);
  });
  shorten(lengths, room);
  const row: PackedText = { tokens: [special.cls], segments: [0], spans: [] };
  if (layout.separatorFirst) append(row, [special.sep], 0);
  layout.fields.forEach((field, k) => {
    const segment = layout.segments?.[field] ?? 0;
    const start = row.tokens.length;
    append(row, (fields[field] ?? []).slice(0, lengths[k]), segment);
    row.spans.push({ field, start, end: row.tokens.length });
    append(row, [special.sep], segment);
  });
  return row;
}

function append(row: PackedText, tokens: readonly number[], segment: number): void {
  for (const token of tokens) {
    row.tokens.push(token);
    row.segments.push(segment);
  }
}

/** Takes from the longest length, the last of equals, until the sum is at most `room`. */
function shorten(lengths: number[], room: number): void {
  let excess = lengths.reduce((sum, length) => sum + length, 0) - room;
  for (; excess > 0; excess--) lengths[lengths.lastIndexOf(Math.max(...lengths))]--;
}

/** Tokens left for text after the special ones. */
function checkLayout({ fields, budget, limits = {}, separatorFirst, segments = {} }: TextLayout): number {
  const repeated = fields.find((field, k) => fields.indexOf(field) !== k);
  if (fields.length === 0 || repeated !== undefined) {
    throw new WbdcError(
      `TextLayout.fields: expected one or more fields, each once, got [${fields.join(', ')}]. Name each text ` +
        `field once.`,
    );
  }
  checkNames('limits', limits, fields);
  checkNames('segments', segments, fields);
  const special = 1 + (separatorFirst ? 1 : 0) + fields.length;
  if (!Number.isInteger(budget) || budget < special) {
    throw new WbdcError(
      `TextLayout.budget: expected a whole number of at least ${special} ([CLS] and ${special - 1} x [SEP] for ` +
        `${fields.join(', ')}), got ${budget}. Raise the budget or name fewer fields.`,
    );
  }
  return budget - special;
}

function checkNames(where: string, values: Readonly<Record<string, number>>, fields: readonly string[]): void {
  for (const [field, value] of Object.entries(values)) {
    if (!fields.includes(field)) {
      throw new WbdcError(
        `TextLayout.${where}: expected names out of ${fields.join(', ')}, got '${field}'. Rename it or add the field.`,
      );
    }
    if (!Number.isInteger(value) || value < 0) {
      throw new WbdcError(`TextLayout.${where}.${field}: expected a whole number, 0 or more, got ${value}.`);
    }
  }
}
