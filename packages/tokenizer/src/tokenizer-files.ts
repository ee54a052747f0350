import type { NormalizerJson } from './engine.js';
import { WbdcError } from '@wbdc/io/errors';
import { normalizerJson, type NormalizeOptions } from './normalize.js';
import { addedToken, asRecord, parseObject, parseTokenizerJson } from './tokenizer-json.js';
import type { AddedToken, BertTokenizerSpec } from './tokenizer-json.js';
import { parseVocabText, SPECIAL_TOKENS, specialField } from './vocabulary.js';

/** Files of a tokenizer's folder that are read. */
export const READ_FILES = [
  'tokenizer.json',
  'vocab.txt',
  'tokenizer_config.json',
  'added_tokens.json',
  'special_tokens_map.json',
  'config.json',
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
  const specialMap = parse('special_tokens_map.json');
  const isBert = madeByBert(config, () => parse('config.json'), where);
  assertSpecialNames(config, `${where}/tokenizer_config.json`);
  assertSpecialNames(specialMap, `${where}/special_tokens_map.json`);
  const options = normalizeOptions(config, `${where}/tokenizer_config.json`);
  const added = addedTokens(config, parse('added_tokens.json'), specialMap);
  if (json !== undefined) {
    const source = `${where}/tokenizer.json`;
    const spec = parseTokenizerJson(json, source);
    const { normalizer, warnings } = isBert
      ? overridden(spec.normalizer, options, where)
      : { normalizer: spec.normalizer, warnings: contradictions(spec.normalizer, options, where) };
    const whole = withAdded({ ...spec, normalizer }, added, where);
    return { spec: whole, warnings: [...warnings, ...otherVocabulary(vocab, whole, where)], source };
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

/** Classes that transformers 5 makes of a vocabulary and the settings of tokenizer_config.json: BERT's, its heirs. */
const BERT_CLASSES = new Set(
  ['Bert', 'ConvBert', 'DistilBert', 'Electra', 'LayoutLM', 'Lxmert', 'MobileBert', 'SqueezeBert'].map(
    (name) => `${name}Tokenizer`,
  ),
);

/** Classes that take all from tokenizer.json; transformers 5 takes them for unknown ones too. */
const GENERAL_CLASSES = new Set(['PreTrainedTokenizer', 'TokenizersBackend']);

/** Classes of other kinds of tokenizers, by how their names begin. */
const OTHER_CLASSES = new RegExp(
  `^(${[
    ...['Albert', 'Bart', 'BertJapanese', 'Bertweet', 'BigBird', 'Blenderbot', 'Bloom', 'CLIP', 'Camembert', 'Canine'],
    ...['Deberta', 'FNet', 'Funnel', 'GPT', 'Gemma', 'Herbert', 'LED', 'Llama', 'Longformer', 'M2M', 'MBart', 'MPNet'],
    ...['Marian', 'Nllb', 'OpenAI', 'Pegasus', 'Phobert', 'ProphetNet', 'Qwen', 'RemBert', 'Roberta', 'RoCBert'],
    ...['RoFormer', 'Splinter', 'T5', 'Tapas', 'Whisper', 'XLM'],
  ].join('|')})`,
);

/** `model_type` of models whose tokenizer is BERT's, as transformers 5 has them. */
const BERT_MODELS = new Set([
  ...['align', 'bert', 'blip', 'bros', 'chinese_clip', 'convbert', 'distilbert', 'electra', 'ernie', 'flava', 'git'],
  ...['layoutlm', 'megatron-bert', 'mobilebert', 'nezha', 'nomic_bert', 'qdqbert', 'realm', 'retribert', 'squeezebert'],
  ...['vilt', 'visual_bert'],
]);

/**
 * Whether transformers' `AutoTokenizer` makes BERT's class of a folder, which takes the vocabulary alone from
 * tokenizer.json, or the general one, which takes all from there.
 *
 * @throws WbdcError where it would make a class of another kind, with other ids
 */
function madeByBert(config: Record<string, unknown>, model: () => Record<string, unknown>, where: string): boolean {
  const named = config['tokenizer_class'] ?? model()['tokenizer_class'];
  if (typeof named !== 'string') return BERT_MODELS.has(String(model()['model_type']));
  const name = named.replace(/Fast$/, '');
  if (BERT_CLASSES.has(name)) return true;
  if (GENERAL_CLASSES.has(name) || !OTHER_CLASSES.test(name)) return false;
  throw new WbdcError({
    where,
    expected: "a tokenizer of BERT's kind (tokenizer_class BertTokenizer)",
    got: `a ${named.slice(0, 100)}, which gives other ids`,
    advice: "if the vocabulary is BERT's, say BertTokenizer in tokenizer_config.json",
  });
}

/** Special tokens of other names would be looked for in vain. */
function assertSpecialNames(entries: Record<string, unknown>, where: string): void {
  for (const token of SPECIAL_TOKENS) {
    const field = specialField(token);
    const value = entries[field];
    const name = typeof value === 'object' && value !== null ? asRecord(value)['content'] : value;
    if (name === undefined || name === null || name === token) continue;
    throw new WbdcError({
      where,
      expected: `${field} ${token}, as BERT has it`,
      got: JSON.stringify(name).slice(0, 100),
      advice: 'rename the token there and in the vocabulary',
    });
  }
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

/** What a tokenizer_config.json says of normalisation; null says nothing. */
function normalizeOptions(config: Record<string, unknown>, where: string): NormalizeOptions {
  const entries = Object.entries(SETTINGS).flatMap(([option, name]): [string, boolean][] => {
    const value = config[name] ?? undefined;
    if (value === undefined) return [];
    if (typeof value === 'boolean') return [[option, value]];
    throw new WbdcError({ where, expected: `${name} true or false`, got: JSON.stringify(value).slice(0, 100) });
  });
  return Object.fromEntries(entries);
}

/** tokenizer_config.json counts instead of the normaliser of tokenizer.json, by BERT's defaults where it is silent. */
function overridden(said: NormalizerJson, options: NormalizeOptions, where: string) {
  const normalizer = normalizerJson(options);
  const warnings = differingFields(said, normalizer).map((field) => {
    const [option] = Object.entries(FIELDS).find(([, name]) => name === field) ?? [];
    const setting = option === undefined ? undefined : SETTINGS[option as keyof typeof SETTINGS];
    const silent = option === undefined || options[option as keyof typeof SETTINGS] === undefined;
    const counts = silent
      ? `tokenizer_config.json nothing${setting === undefined ? '' : ` of ${setting}`}: BERT's ` +
        `${String(normalizer[field])} counts`
      : `tokenizer_config.json ${setting} ${String(normalizer[field])}: the latter counts`;
    return `${where}: tokenizer.json says ${field} ${String(said[field])}, ${counts}, as in transformers`;
  });
  return { normalizer, warnings };
}

/** What tokenizer_config.json says in vain: the class that it names takes all from tokenizer.json. */
function contradictions(said: NormalizerJson, options: NormalizeOptions, where: string): string[] {
  const wanted = { ...said };
  for (const option of Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]) {
    const value = options[option];
    if (value !== undefined) wanted[FIELDS[option]] = value;
  }
  return differingFields(said, wanted).map((field) => {
    const option = (Object.keys(FIELDS) as (keyof typeof FIELDS)[]).find((name) => FIELDS[name] === field)!;
    return (
      `${where}: tokenizer.json says ${field} ${String(said[field])}, tokenizer_config.json ${SETTINGS[option]} ` +
      `${String(wanted[field])}: the former counts, as in transformers for a tokenizer_class that is not BERT's`
    );
  });
}

/** A vocab.txt that does not give the ids of the tokenizer.json beside it; it may lack what was added. */
function otherVocabulary(text: string | undefined, { vocab, addedTokens }: BertTokenizerSpec, where: string): string[] {
  if (text === undefined) return [];
  const lines = parseVocabText(text);
  const added = new Set(addedTokens.map(({ id }) => id));
  const length = Math.max(lines.length, vocab.length);
  for (let id = 0; id < length; id++) {
    if (lines[id] === vocab[id] || (id >= lines.length && added.has(id))) continue;
    const [one, other] = [vocab, lines].map((own) => (own[id] === undefined ? 'nothing' : `'${own[id].slice(0, 40)}'`));
    return [`${where}: the id ${id} is ${one} in tokenizer.json, ${other} in vocab.txt: the former counts`];
  }
  return [];
}

type NormalizerField = 'clean_text' | 'handle_chinese_chars' | 'strip_accents' | 'lowercase';

/** Fields in which two normalisers differ; no word about stripping means: as lower-casing. */
function differingFields(one: NormalizerJson, other: NormalizerJson): NormalizerField[] {
  const strips = ({ strip_accents, lowercase }: NormalizerJson): boolean => strip_accents ?? lowercase;
  const fields = ['lowercase', 'handle_chinese_chars', 'clean_text'] as const;
  const differing: NormalizerField[] = fields.filter((field) => one[field] !== other[field]);
  const silent = one.strip_accents === null && other.strip_accents === null;
  return silent || strips(one) === strips(other) ? differing : [...differing, 'strip_accents'];
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
  const names: unknown[] = Array.isArray(value) ? value : Object.values(asRecord(value)); // or by role
  return names.map((name) => {
    const entry = typeof name === 'string' ? { content: name } : asRecord(name);
    return { ...addedToken({ ...entry, special: true }), id: undefined };
  });
}

/** Puts added tokens behind the vocabulary, or marks those that it has; the flags of the later files count. */
function withAdded(spec: BertTokenizerSpec, added: readonly Unplaced[], where: string): BertTokenizerSpec {
  const vocab = [...spec.vocab];
  const outside = new Set(spec.outside);
  const ids = new Map(vocab.map((token, id) => [token, id]));
  const tokens = new Map(spec.addedTokens.map((token) => [token.content, token]));
  for (const { id, ...token } of added) {
    const { content } = token;
    if (id === undefined && tokens.has(content)) continue;
    if (!ids.has(content)) outside.add(content);
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
  return { ...spec, vocab, outside, addedTokens: [...tokens.values()] };
}
