import { WbdcError } from '@wbdc/io/errors';
import { addedTokenSplitter, type Section } from './added-tokens.js';
import { BytePairs, ByteLevel, type BytePairModel } from './engine.js';
import { addedToken, asRecord, parseObject, type AddedToken } from './tokenizer-json.js';

/** Files of a CLIP's tokenizer that are read: tokenizer.json is preferred to vocab.json with merges.txt. */
export const CLIP_TOKENIZER_FILES = ['tokenizer.json', 'vocab.json', 'merges.txt', 'tokenizer_config.json'] as const;

/** Texts of a CLIP tokenizer's folder by name, those that are there. */
export type ClipTokenizerFiles = Readonly<Partial<Record<(typeof CLIP_TOKENIZER_FILES)[number], string | undefined>>>;

const START = '<|startoftext|>';
const END = '<|endoftext|>';
const WORD_END = '</w>';

/** Unicode's White_Space, which is what `\s` means to the Rust `tokenizers`; JavaScript's differs by two characters. */
const SPACE = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const SPACES = new RegExp(`[${SPACE}]+`, 'gu');
/** What byte pairs are merged in: contractions, runs of letters, single digits, runs of other signs. */
const PIECES = new RegExp(
  `<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^${SPACE}\\p{L}\\p{N}]+`,
  'gu',
);

type Vocabulary = ReadonlyMap<string, number>;

interface Spec {
  readonly vocab: Vocabulary;
  readonly merges: readonly (readonly string[])[];
  readonly added: readonly AddedToken[];
  readonly warnings?: readonly string[];
}

/**
 * CLIP's own tokenizer: text -> ids, the same as transformers' `CLIPTokenizer` gives. Byte pairs (Sennrich et al. 2016,
 * arXiv 1508.07909) over the bytes of lower-case text, words ending in `</w>`: any text has tokens, a Chinese character
 * two or three.
 */
export class ClipTokenizer {
  /** V, the rows that a model's token embedding needs. */
  readonly vocabSize: number;
  /** Ids of what stands before and behind every text; the latter pads too. */
  readonly start: number;
  readonly end: number;
  /** Where the files it was read from contradict each other, and which of them was followed. */
  readonly warnings: readonly string[];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #model: BytePairModel;
  readonly #split: (text: string) => Section[];
  readonly #bytes = new ByteLevel({ add_prefix_space: false, use_regex: false });

  private constructor({ vocab, merges, added, warnings = [] }: Spec, where: string) {
    this.warnings = warnings;
    this.#ids = vocab;
    this.vocabSize = Math.max(...this.#ids.values(), ...added.map(({ id }) => id)) + 1;
    const idOf = (content: string): number => {
      const id = this.#ids.get(content) ?? added.find((token) => token.content === content)?.id;
      if (id !== undefined) return id;
      throw new WbdcError({ where, expected: `the token ${content}`, got: 'a vocabulary without it', code: 'input' });
    };
    [this.start, this.end] = [idOf(START), idOf(END)];
    this.#model = new BytePairs({
      vocab: Object.fromEntries(vocab),
      merges,
      unk_token: END,
      end_of_word_suffix: WORD_END,
    });
    this.#split = addedTokenSplitter(added, normalized);
  }

  /** @throws WbdcError where a file is missing or is no tokenizer of a CLIP */
  static fromFiles(files: ClipTokenizerFiles, where = 'tokenizer'): ClipTokenizer {
    return new ClipTokenizer(readSpec(files, where), where);
  }

  /** Ids of a text, with no special tokens around it. */
  encode(text: string): number[] {
    return this.#split(text).flatMap((section) =>
      typeof section === 'number' ? section : this.#encodeSection(section),
    );
  }

  #encodeSection(text: string): number[] {
    const pieces = normalized(text).match(PIECES) ?? [];
    const parts = pieces.flatMap((piece) => (piece === START || piece === END ? namePartsOf(piece) : [piece]));
    const words = parts.flatMap((piece) => this.#bytes.pre_tokenize_text(piece));
    return this.#model.encode(words).map((token) => this.#ids.get(token) ?? this.end);
  }
}

/** A special token's name that is none here, `<|`, letters, `|>`: it is one piece at first, and no longer. */
function namePartsOf(name: string): string[] {
  return [name.slice(0, 2), name.slice(2, -2), name.slice(-2)];
}

/** NFC, one blank for white space, lower case character by character: no final sigma, as in Rust. */
function normalized(text: string): string {
  const composed = text
    .replaceAll(/\p{Cs}/gu, '\ufffd')
    .normalize('NFC')
    .replaceAll(SPACES, ' ');
  return Array.from(composed, (character) => character.toLowerCase()).join('');
}

function readSpec(files: ClipTokenizerFiles, where: string): Spec {
  const parse = (name: 'tokenizer.json' | 'vocab.json' | 'tokenizer_config.json'): Record<string, unknown> =>
    parseObject(files[name] ?? '{}', `${where}/${name}`);
  const named = namedTokens(parse('tokenizer_config.json'));
  if (files['tokenizer.json'] !== undefined) {
    const json = parse('tokenizer.json');
    const spec = specOfJson(json, named, `${where}/tokenizer.json`);
    return { ...spec, warnings: contradictions(files, spec, json, where) };
  }
  if (files['vocab.json'] === undefined || files['merges.txt'] === undefined) {
    throw new WbdcError({
      where,
      expected: 'tokenizer.json, or vocab.json and merges.txt, of a CLIP',
      got:
        Object.keys(files)
          .filter((name) => files[name as keyof ClipTokenizerFiles] !== undefined)
          .join(', ') || 'none',
      code: 'input',
    });
  }
  const vocab = vocabularyOf(parse('vocab.json'), `${where}/vocab.json`);
  const merges = mergesOf(files['merges.txt']);
  assertMerges(merges, vocab, `${where}/merges.txt`);
  return { vocab, merges, added: addedTokens([], named, vocab) };
}

function mergesOf(text: string): string[][] {
  return text
    .split(/\r?\n/)
    .filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')))
    .map((line) => line.split(' '));
}

/** The vocabulary of a file that does not count, or what is wrong with it. */
function otherVocabulary(text: string): Vocabulary | string {
  try {
    return vocabularyOf(parseObject(text, 'it'), 'it');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What files beside tokenizer.json say in vain, and what it says itself that CLIP's class does not take from it. */
function contradictions(
  { 'vocab.json': vocabulary, 'merges.txt': list }: ClipTokenizerFiles,
  { vocab, merges, added }: Spec,
  json: Record<string, unknown>,
  where: string,
): string[] {
  const warnings: string[] = [];
  const says = (what: string): void => void warnings.push(`${where}: ${what}, as in transformers`);
  const other = vocabulary === undefined ? undefined : otherVocabulary(vocabulary);
  if (typeof other === 'string') says(`vocab.json is not read (${other}): tokenizer.json counts`);
  else if (other !== undefined) {
    const late = new Set(added.map(({ content }) => content));
    const token =
      [...vocab.keys()].find((name) => other.get(name) !== vocab.get(name) && !(late.has(name) && !other.has(name))) ??
      [...other.keys()].find((name) => !vocab.has(name) && !late.has(name));
    if (token !== undefined) {
      const [one, two] = [vocab, other].map((ids) => ids.get(token) ?? 'none');
      says(`'${token.slice(0, 40)}' has the id ${one} in tokenizer.json, ${two} in vocab.json: the former counts`);
    }
  }
  if (list !== undefined) {
    const other = mergesOf(list);
    const differs = (_: unknown, i: number): boolean => merges[i]?.join(' ') !== other[i]?.join(' ');
    const first = (other.length > merges.length ? other : merges).findIndex(differs);
    if (first >= 0) says(`merge ${first} of merges.txt is not that of tokenizer.json: the latter counts`);
  }
  const normalizer = JSON.stringify(json['normalizer'] ?? null);
  if (!normalizer.includes('"Lowercase"')) {
    says("tokenizer.json does not write in lower case, CLIP's tokenizer does: the latter counts");
  }
  return warnings;
}

function specOfJson(json: Record<string, unknown>, named: ReadonlyMap<string, boolean>, where: string): Spec {
  const model = asRecord(json['model']);
  if (model['type'] !== 'BPE' || model['end_of_word_suffix'] !== WORD_END) {
    const [type, ending] = [model['type'], model['end_of_word_suffix']].map((value) => JSON.stringify(value) ?? 'none');
    const got = `one of type ${type.slice(0, 40)} whose words end in ${ending.slice(0, 40)}`;
    throw new WbdcError({
      where,
      expected: `a model of byte pairs whose words end in ${WORD_END}`,
      got,
      code: 'input',
    });
  }
  const vocab = vocabularyOf(asRecord(model['vocab']), where);
  const listed = Array.isArray(model['merges']) ? (model['merges'] as unknown[]) : [];
  const merges = listed.map((merge) => (typeof merge === 'string' ? merge.split(' ') : (merge as string[])));
  assertMerges(merges, vocab, where);
  const added = Array.isArray(json['added_tokens']) ? json['added_tokens'].map((one) => addedToken(asRecord(one))) : [];
  return { vocab, merges, added: addedTokens(added, named, vocab) };
}

/** Special tokens by the configuration, and whether they are looked for in normalised text. */
function namedTokens(config: Record<string, unknown>): Map<string, boolean> {
  const named = new Map<string, boolean>([
    [START, false],
    [END, false],
  ]);
  // Of one token with several roles the last one counts, as in transformers.
  for (const name of ['bos_token', 'eos_token', 'unk_token', 'pad_token']) {
    const token = config[name];
    const { content, normalized: late } = typeof token === 'string' ? { content: token } : asRecord(token);
    if (typeof content === 'string') named.set(content, late === true);
  }
  return named;
}

function addedTokens(
  listed: readonly AddedToken[],
  named: ReadonlyMap<string, boolean>,
  vocab: Vocabulary,
): AddedToken[] {
  const known = new Set(listed.map(({ content }) => content));
  const missing = [...named].filter(([content]) => !known.has(content) && vocab.has(content));
  return [
    ...listed,
    ...missing.map(([content, late]) =>
      addedToken({ id: vocab.get(content), content, special: true, normalized: late }),
    ),
  ];
}

function vocabularyOf(entries: Record<string, unknown>, where: string): Vocabulary {
  const bad = Object.entries(entries).find(([, id]) => !Number.isSafeInteger(id) || Number(id) < 0);
  if (bad === undefined && Object.keys(entries).length > 0)
    return new Map(Object.entries(entries as Record<string, number>));
  const got = bad === undefined ? 'none' : `${JSON.stringify(bad[1])?.slice(0, 40)} for '${bad[0].slice(0, 40)}'`;
  throw new WbdcError({ where, expected: 'tokens with their ids', got, code: 'input' });
}

function assertMerges(merges: readonly (readonly string[])[], vocab: Vocabulary, where: string): void {
  const bad = merges.findIndex((merge) => !Array.isArray(merge) || merge.length !== 2 || !vocab.has(merge.join('')));
  if (bad < 0) return;
  const got = JSON.stringify(merges[bad])?.slice(0, 80);
  throw new WbdcError({ where: `${where}: merge ${bad}`, expected: 'two tokens that make one', got, code: 'input' });
}
