import type { AddedToken } from './tokenizer-json.js';

/** A section of a text: the id of an added token, or what stands between two of them. */
export type Section = number | string;

/** Rust's `\w`: what a token that is to be a word by itself must not touch. */
const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/**
 * Cuts a text at its added tokens, as the Rust `tokenizers` does and its JavaScript twin does not in all: tokens with
 * `normalized: false` are looked for in the text as it is, the others, normalised themselves, in what is left after
 * normalisation; of several at one place the longest counts; `single_word` ones count between words alone. What becomes
 * the name of a special token by normalisation is none.
 */
export function addedTokenSplitter(
  tokens: readonly AddedToken[],
  normalize: (text: string) => string,
): (text: string) => Section[] {
  const raw = matcher(
    tokens.filter(({ normalized }) => !normalized).map((token) => ({ ...token, key: token.content })),
  );
  const later = tokens.filter(({ normalized }) => normalized);
  if (later.length === 0) return raw;
  const normalized = matcher(later.map((token) => ({ ...token, key: normalize(token.content) })));
  return (text) =>
    raw(text).flatMap((section) => (typeof section === 'string' ? normalized(normalize(section)) : section));
}

type Keyed = Pick<AddedToken, 'id' | 'single_word'> & { readonly key: string };

function matcher(tokens: readonly Keyed[]): (text: string) => Section[] {
  const byKey = new Map(tokens.filter(({ key }) => key !== '').map((token) => [token.key, token]));
  if (byKey.size === 0) return (text) => (text === '' ? [] : [text]);
  const longestFirst = [...byKey.keys()].sort((a, b) => b.length - a.length).map(escapeRegExp);
  const pattern = new RegExp(longestFirst.join('|'), 'gu');
  return (text) => {
    const sections: Section[] = [];
    let from = 0;
    for (const { 0: key, index } of text.matchAll(pattern)) {
      const { id, single_word } = byKey.get(key)!;
      if (single_word && touchesWord(text, index, index + key.length)) continue;
      if (index > from) sections.push(text.slice(from, index));
      sections.push(id);
      from = index + key.length;
    }
    if (from < text.length) sections.push(text.slice(from));
    return sections;
  };
}

function touchesWord(text: string, start: number, end: number): boolean {
  const before = text.slice(Math.max(0, start - 2), start);
  const after = text.slice(end, end + 2);
  return WORD.test([...before].at(-1) ?? '') || WORD.test([...after][0] ?? '');
}

function escapeRegExp(text: string): string {
  return text.replace(/[$()*+./?[\\\]^{|}-]/g, '\\$&');
}
