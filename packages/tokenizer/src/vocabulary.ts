import { WbdcError } from '@wbdc/io/errors';

/** BERT's five special tokens. Their names are fixed; their ids come from the vocabulary. */
export const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'] as const;

/** What tokenizer_config.json calls a special token: `unk_token`. */
export function specialField(token: string): string {
  return `${token.slice(1, -1).toLowerCase()}_token`;
}

/** Ids of the special tokens. */
export interface SpecialIds {
  readonly pad: number;
  readonly unk: number;
  readonly cls: number;
  readonly sep: number;
  readonly mask: number;
}

/** Token -> id of a vocabulary; throws when a token holds a line break or occurs twice. An empty one is in no text. */
export function indexVocab(vocab: readonly string[], where: string): Map<string, number> {
  const ids = new Map<string, number>();
  const problems: string[] = [];
  vocab.forEach((token, id) => {
    const before = ids.get(token);
    if (/[\r\n]/.test(token)) problems.push(`line ${id + 1}: ${JSON.stringify(token)} cannot be a token`);
    else if (before !== undefined) problems.push(`line ${id + 1}: '${token}' stands already on line ${before + 1}`);
    else ids.set(token, id);
  });
  if (problems.length > 0) {
    const shown = [...problems.slice(0, 5), ...(problems.length > 5 ? [`and ${problems.length - 5} more`] : [])];
    throw new WbdcError(
      `${where}: expected one token a line, each once, because the line is the token's id; got ${shown.join('; ')}. ` +
        'Remove the repeated entries (and retrain what was trained with them), or fetch the file again.',
    );
  }
  return ids;
}

export function specialIds(ids: ReadonlyMap<string, number>, where: string): SpecialIds {
  const missing = SPECIAL_TOKENS.filter((token) => !ids.has(token));
  if (missing.length > 0) {
    throw new WbdcError(
      `${where}: expected the special tokens ${SPECIAL_TOKENS.join(' ')}, got ${ids.size} tokens without ` +
        `${missing.join(' ')}. Add them to the vocabulary, or check that this is a BERT vocabulary.`,
    );
  }
  const [pad, unk, cls, sep, mask] = SPECIAL_TOKENS.map((token) => ids.get(token)!);
  return { pad, unk, cls, sep, mask };
}

/**
 * The lines of a vocab.txt, as the Rust `tokenizers` cut them: white space behind a token is not part of it, a blank
 * line is an empty token with an id. A byte order mark is no part of the first.
 */
export function parseVocabText(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => line.trimEnd());
}

export function formatVocabText(vocab: readonly string[]): string {
  return vocab.map((token) => `${token}\n`).join('');
}
