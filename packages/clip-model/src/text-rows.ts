import { ints } from '@wbdc/nn';
import type { ClipTokenizer, Tokenizer } from '@wbdc/tokenizer';
import type { ClipTexts } from './clip-text.js';

/** Texts to the token rows of a text tower. */
export type ClipTextReader = (texts: readonly string[]) => ClipTexts;

/** Chinese-CLIP learned from texts of so many tokens at most. */
const CHINESE_LENGTH = 52;

/** Rows of CLIP: start, tokens, end; at most `length` of them, so that a long text loses its last ones. */
export function clipTextReader(tokenizer: ClipTokenizer, length: number): ClipTextReader {
  const { start, end } = tokenizer;
  return (texts) =>
    rowsOf(
      texts.map((text) => [start, ...tokenizer.encode(text).slice(0, length - 2), end]),
      end,
    );
}

/**
 * Rows of Chinese-CLIP: `[CLS]`, tokens, `[SEP]`; at most 52 of them, as it was trained, or `length` where that is
 * less.
 */
export function chineseClipTextReader(tokenizer: Tokenizer, length = CHINESE_LENGTH): ClipTextReader {
  const { cls, sep, pad } = tokenizer.special;
  const most = Math.min(length, CHINESE_LENGTH) - 2;
  return (texts) =>
    rowsOf(
      texts.map((text) => [cls, ...tokenizer.encode(text).slice(0, most), sep]),
      pad,
    );
}

function rowsOf(rows: readonly (readonly number[])[], padding: number): ClipTexts {
  const width = Math.max(0, ...rows.map((row) => row.length));
  const tokens = ints([rows.length, width], new Int32Array(rows.length * width).fill(padding));
  const textMask = ints([rows.length, width]);
  rows.forEach((row, i) => {
    tokens.data.set(row, i * width);
    textMask.data.fill(1, i * width, i * width + row.length);
  });
  return { tokens, textMask };
}
