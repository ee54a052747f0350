import type { NormalizerJson } from './engine.js';
import { WbdcError } from '@wbdc/io/errors';
import { normalizerJson, type NormalizeOptions } from './normalize.js';
import { addedToken, asRecord, parseObject, parseTokenizerJson } from './tokenizer-json.js';
import type { AddedToken, BertTokenizerSpec } from './tokenizer-json.js';
import { parseVocabText } from './vocabulary.js';

/** Files of a tokenizer's folder that are read. */
export const READ_FILES = [
  'tokenizer.json',
  'vocab.txt',
  'tokenizer_config.json',
  'added_tokens.json',
  'special_tokens_map.json',
] as const;

/** Texts of a tokenizer's folder by name, those that are there. */
export type TokenizerFiles = Readonly<Partial<Record<(typeof READ_FILES)[number], string | undefined>>>;

interface ReadTokenizer {
  readonly spec: BertTokenizerSpec;
  /** Contradictions between the files, with the one that was followed. */
  readonly warnings: readonly string[];
  /** The file with the vocabulary, for messages. */
  readonly source: string;
}

/** Reads a tokenizer's folder as transformers 5 does (`PreTrainedTokenizerBase._from_pretrained`, `BertTokenizer`). */
export function readTokenizerFiles(files: TokenizerFiles, where: string): ReadTokenizer {
  const { 'tokenizer.json': json, 'vocab.txt': vocab } = files;
  const parse = (name: keyof TokenizerFiles): Record<string, unknown> => {
    const text = files[name];
    return text === undefined ? {} : parseObject(text, `${where}/${name}`);
  };
  const config = parse('tokenizer_config.json');
  const options = normalizeOptions(config);
  const added = addedTokens(config, parse('added_tokens.json'), parse('special_tokens_map.json'));
  if (json !== undefined) {
    const source = `${where}/tokenizer.json`;
    const spec = parseTokenizerJson(json, source);
    const { normalizer, warnings } = overridden(spec.normalizer, options, where);
    return { spec: withAdded({ ...spec, normalizer }, added, where), warnings, source };
  }
  if (vocab === undefined) {
    throw new WbdcError(
      `${where}: expected a tokenizer.json or a vocab.txt in this folder, got neither. ` +
        'Give the folder of a checkpoint or of a saved tokenizer.',
    );
  }
  const spec = { vocab: parseVocabText(vocab), normalizer: normalizerJson(options), addedTokens: [] };
  return { spec: withAdded(spec, added, where), warnings: [], source: `${where}/vocab.txt` };
}

const SETTINGS = {
  lowerCase: 'do_lower_case',
  stripAccents: 'strip_accents',
  splitIdeographs: 'tokenize_chinese_chars',
} as const;

const FIELDS = {
  lowerCase: 'lowercase',
  stripAccents: 'strip_accents',
  splitIdeographs: 'handle_chinese_chars',
} as const;

/** What a tokenizer_config.json says of normalisation. */
function normalizeOptions(config: Record<string, unknown>): NormalizeOptions {
  const entries = Object.entries(SETTINGS).filter(([, name]) => typeof config[name] === 'boolean');
  return Object.fromEntries(entries.map(([option, name]) => [option, config[name]]));
}

/** tokenizer_config.json counts more than the normaliser of tokenizer.json. */
function overridden(normalizer: NormalizerJson, options: NormalizeOptions, where: string) {
  const warnings: string[] = [];
  const result = { ...normalizer };
  for (const option of Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]) {
    const [said, field] = [options[option], FIELDS[option]];
    if (said === undefined || said === normalizer[field]) continue;
    result[field] = said;
    // No word about stripping means: as lower-casing.
    if (field === 'strip_accents' && normalizer.strip_accents === null && said === normalizer.lowercase) continue;
    warnings.push(
      `${where}: tokenizer.json says ${field} ${String(normalizer[field])}, tokenizer_config.json ` +
        `${SETTINGS[option]} ` +
        `${String(said)}: the latter counts, as in transformers`,
    );
  }
  return { normalizer: result, warnings };
}

type Unplaced = Omit<AddedToken, 'id'> & { readonly id: number | undefined };

/** Tokens that were added to a vocabulary: those with ids, then special ones that are only named. */
function addedTokens(
  config: Record<string, unknown>,
  legacy: Record<string, unknown>,
  specialMap: Record<string, unknown>,
): Unplaced[] {
  const decoder = config['added_tokens_decoder'];
  const named = namedSpecial(config['extra_special_tokens'] ?? config['additional_special_tokens']);
  if (decoder !== undefined) {
    const listed = Object.entries(asRecord(decoder)).map(([id, token]) => addedToken({ ...asRecord(token), id }));
    return [...listed.sort((a, b) => a.id - b.id), ...named];
  }
  const extra = [...named, ...namedSpecial(specialMap['extra_special_tokens'])];
  const special = new Set(extra.map(({ content }) => content));
  const listed = Object.entries(legacy).map(([content, id]) => {
    const isSpecial = special.has(content) || /^\[(PAD|UNK|CLS|SEP|MASK)\]$/.test(content);
    return addedToken({ id, content, special: isSpecial, normalized: !isSpecial });
  });
  return [...listed.sort((a, b) => a.id - b.id), ...extra, ...namedSpecial(specialMap['additional_special_tokens'])];
}

function namedSpecial(value: unknown): Unplaced[] {
  const names = Array.isArray(value) ? value : [];
  return names.map((name) => {
    const entry = typeof name === 'string' ? { content: name } : asRecord(name);
    return { ...addedToken({ ...entry, special: true }), id: undefined };
  });
}

/** Puts added tokens behind the vocabulary, or marks those that it has; the flags of the later files count. */
function withAdded(spec: BertTokenizerSpec, added: readonly Unplaced[], where: string): BertTokenizerSpec {
  const vocab = [...spec.vocab];
  const ids = new Map(vocab.map((token, id) => [token, id]));
  const tokens = new Map(spec.addedTokens.map((token) => [token.content, token]));
  for (const { id, ...token } of added) {
    const { content } = token;
    if (id === undefined && tokens.has(content)) continue;
    const there = ids.get(content) ?? vocab.push(content) - 1;
    ids.set(content, there);
    if (id !== undefined && id !== there) {
      throw new WbdcError(
        `${where}: expected the added token '${content}' to have the id ${there}, by the vocabulary and the ` +
          `tokens added ` +
          `before it, got ${id}: the files are of different tokenizers. Save the tokenizer again with the tool ` +
          `that made it.`,
      );
    }
    tokens.set(content, { ...token, id: there });
  }
  return { ...spec, vocab, addedTokens: [...tokens.values()] };
}
