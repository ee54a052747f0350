import type { NormalizerJson } from './engine.js';
import { WbdcError } from '@wbdc/io/errors';
import { SPECIAL_TOKENS } from './vocabulary.js';

/** A token that is found in the text before anything else is done to it. */
export interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

/** What a BERT tokenizer.json says, and no more. */
export interface BertTokenizerSpec {
  vocab: readonly string[];
  /** Tokens of `vocab` that were added to WordPiece's own: no word is cut into them. */
  outside?: ReadonlySet<string>;
  normalizer: NormalizerJson;
  addedTokens: readonly AddedToken[];
}

/**
 * Longest word, in characters; a longer one is `[UNK]`. Google's BERT: `max_input_chars_per_word=200`, Hugging Face:
 * 100.
 */
const MAX_WORD = 100;
const PREFIX = '##';

/** BERT's tokenizer.json, as the Rust `tokenizers` writes it. */
export function buildTokenizerJson({ vocab, outside, normalizer, addedTokens }: BertTokenizerSpec): object {
  const pieces = vocab.map((token, id) => [token, id] as const).filter(([token]) => !outside?.has(token));
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(vocab),
    decoder: { type: 'WordPiece', prefix: PREFIX, cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: PREFIX,
      max_input_chars_per_word: MAX_WORD,
      vocab: Object.fromEntries(pieces),
    },
  };
}

/** `[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` with segment 1 for B. */
function template(vocab: readonly string[]): object {
  const token = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } });
  const text = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const single = [token('[CLS]', 0), text('A', 0), token('[SEP]', 0)];
  const special = ['[CLS]', '[SEP]'].map((name) => [name, { id: name, ids: [vocab.indexOf(name)], tokens: [name] }]);
  return {
    type: 'TemplateProcessing',
    single,
    pair: [...single, text('B', 1), token('[SEP]', 1)],
    special_tokens: Object.fromEntries(special),
  };
}

export function specialAddedTokens(ids: ReadonlyMap<string, number>): AddedToken[] {
  return SPECIAL_TOKENS.map((content) => addedToken({ id: ids.get(content), content, special: true }));
}

/**
 * Reads a tokenizer.json. All that is not BERT's is an error: another normaliser or pre-tokeniser would give other ids
 * than the model was trained with, and nobody would notice.
 */
export function parseTokenizerJson(text: string, where: string): BertTokenizerSpec {
  const json = parseObject(text, where);
  const model = asRecord(json['model']);
  const normalizer = asRecord(json['normalizer']);
  expectSame(where, 'model.type', model['type'] ?? 'WordPiece', 'WordPiece'); // files of 2020 have no model.type
  expectSame(where, 'model.unk_token', model['unk_token'], '[UNK]');
  expectSame(where, 'model.continuing_subword_prefix', model['continuing_subword_prefix'], PREFIX);
  expectSame(where, 'model.max_input_chars_per_word', model['max_input_chars_per_word'] ?? MAX_WORD, MAX_WORD);
  expectSame(where, 'normalizer.type', normalizer['type'], 'BertNormalizer');
  expectSame(where, 'pre_tokenizer.type', asRecord(json['pre_tokenizer'])['type'], 'BertPreTokenizer');
  const added = Array.isArray(json['added_tokens'])
    ? json['added_tokens'].map((entry) => addedToken(asRecord(entry)))
    : [];
  const pieces = asRecord(model['vocab']);
  const vocab = orderVocab({ ...pieces }, added, where);
  const outside = new Set(added.map(({ content }) => content).filter((token) => !Object.hasOwn(pieces, token)));
  return { vocab, outside, normalizer: readNormalizer(normalizer), addedTokens: added };
}

function readNormalizer(json: Record<string, unknown>): NormalizerJson {
  const strip = json['strip_accents'];
  return {
    type: 'BertNormalizer',
    clean_text: json['clean_text'] !== false,
    handle_chinese_chars: json['handle_chinese_chars'] !== false,
    strip_accents: typeof strip === 'boolean' ? strip : null,
    lowercase: json['lowercase'] !== false,
  };
}

/** Token -> id, with the added tokens, becomes a list; every id from 0 on has to be there. */
function orderVocab(entries: Record<string, unknown>, added: readonly AddedToken[], where: string): string[] {
  for (const token of added) entries[token.content] ??= token.id;
  const vocab: string[] = [];
  const pairs = Object.entries(entries);
  for (const [token, id] of pairs) {
    const valid = typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < pairs.length;
    if (valid && vocab[id] === undefined) vocab[id] = token;
    else {
      const problem = valid ? `which is also the id of '${vocab[id]}'` : `of ${pairs.length} tokens`;
      throw new WbdcError(
        `${where}: model.vocab: expected every id from 0 to ${pairs.length - 1} once, got ${JSON.stringify(id)} for ` +
          `'${token}', ${problem}. Save the tokenizer again with the tool that made it.`,
      );
    }
  }
  return vocab;
}

/** An added token as tokenizer.json and `added_tokens_decoder` write it; a flag that is not there is false. */
export function addedToken(entry: Record<string, unknown>): AddedToken {
  const flag = (name: string) => entry[name] === true;
  return {
    id: Number(entry['id']),
    content: String(entry['content']),
    single_word: flag('single_word'),
    lstrip: flag('lstrip'),
    rstrip: flag('rstrip'),
    normalized: flag('normalized'),
    special: flag('special'),
  };
}

/** Parses a JSON file that has to hold an object. */
export function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new WbdcError(`${where}: expected JSON, got ${(cause as Error).message}. Fetch or write the file again.`, {
      cause,
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new WbdcError(`${where}: expected a JSON object, got ${Array.isArray(value) ? 'a list' : typeof value}.`);
}

/** An object, or an empty one for anything else. */
export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function expectSame(where: string, field: string, got: unknown, expected: unknown): void {
  if (got === expected) return;
  throw new WbdcError(
    `${where}: ${field}: expected ${JSON.stringify(expected)} (BERT WordPiece), got ` +
      `${JSON.stringify(got) ?? 'nothing'}. ` +
      "This package reads BERT's tokenizers only; if the model's folder has a vocab.txt, load that.",
  );
}
