import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { BertEngine, type Engine } from './engine.js';
import { normalizerJson, prepare, type NormalizeOptions } from './normalize.js';
import { buildTokenizerJson, parseObject, parseTokenizerJson, specialAddedTokens } from './tokenizer-json.js';
import type { BertTokenizerSpec } from './tokenizer-json.js';
import { formatVocabText, indexVocab, parseVocabText, specialIds, type SpecialIds } from './vocabulary.js';

/** The files that {@link Tokenizer.save} writes and {@link Tokenizer.load} reads. */
export const TOKENIZER_FILES = ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json'] as const;

export interface DecodeOptions {
  /** Leave `[CLS]`, `[SEP]`, `[PAD]`... out. Default false, as in transformers. */
  skipSpecialTokens?: boolean;
}

/**
 * BERT's WordPiece tokenizer: text -> ids, the same as transformers' `BertTokenizer` gives. A word is cut greedily into
 * the longest pieces the vocabulary has (Devlin et al. 2018, arXiv 1810.04805); pieces inside a word begin with `##`.
 * A special token written out in the text, such as `[SEP]`, becomes that token's id, as in transformers.
 */
export class Tokenizer {
  /** Token of every id. */
  readonly vocab: readonly string[];
  readonly special: SpecialIds;
  readonly #spec: BertTokenizerSpec;
  readonly #engine: Engine;

  private constructor(spec: BertTokenizerSpec, where: string) {
    const ids = indexVocab(spec.vocab, where);
    this.special = specialIds(ids, where);
    const extra = spec.addedTokens.filter(({ content }) => !isSpecial(content));
    this.#spec = { ...spec, addedTokens: [...specialAddedTokens(ids), ...extra] };
    this.vocab = spec.vocab;
    this.#engine = new BertEngine(buildTokenizerJson(this.#spec), {});
  }

  /**
   * @param vocab tokens in the order of their ids, the five special tokens among them
   * @throws when a special token is missing or a token stands twice
   */
  static fromVocab(vocab: readonly string[], options: NormalizeOptions = {}): Tokenizer {
    return new Tokenizer({ vocab: [...vocab], normalizer: normalizerJson(options), addedTokens: [] }, 'vocabulary');
  }

  /**
   * @param path a folder with tokenizer.json or vocab.txt (the first is preferred), or one of these files. Beside a
   *   vocab.txt, `do_lower_case`, `strip_accents` and `tokenize_chinese_chars` of tokenizer_config.json are honoured.
   * @throws when there is no such file, or it is not a BERT tokenizer
   */
  static async load(path: string): Promise<Tokenizer> {
    const file = (await isFolder(path)) ? await findFile(path) : path;
    const extension = extname(file);
    if (extension !== '.json' && extension !== '.txt') {
      throw new Error(
        `${path}: expected a folder, a vocab.txt or a tokenizer.json, got a file that ends in '${extension}'. ` +
          "SentencePiece models ('.model') and pickles are not BERT's; export the tokenizer with save_pretrained.",
      );
    }
    const text = await readFile(file, 'utf8');
    if (extension === '.json') return new Tokenizer(parseTokenizerJson(text, file), file);
    const options = await readConfig(dirname(file));
    return new Tokenizer({ vocab: parseVocabText(text), normalizer: normalizerJson(options), addedTokens: [] }, file);
  }

  /** V, the rows that a model's token embedding needs. */
  get vocabSize(): number {
    return this.vocab.length;
  }

  /** Ids of a text, with no special tokens around it. */
  encode(text: string): number[] {
    return this.#engine.encode(prepare(text, this.#spec.normalizer), { add_special_tokens: false }).ids;
  }

  /**
   * Text of ids, words separated by spaces; BERT does not remember where spaces stood, so Chinese comes back spaced.
   *
   * @throws when an id is not in the vocabulary
   */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    const list = Array.from(ids);
    const bad = list.findIndex((id) => this.vocab[id] === undefined);
    if (bad >= 0) {
      throw new Error(
        `ids[${bad}]: expected an id from 0 to ${this.vocabSize - 1}, got ${list[bad]}. ` +
          'Decode with the tokenizer of the checkpoint that made the ids.',
      );
    }
    if (list.length === 0) return '';
    return this.#engine.decode(list, {
      skip_special_tokens: options.skipSpecialTokens ?? false,
      clean_up_tokenization_spaces: false, // the decoder has done it, token by token as the Rust tokenizer does
    });
  }

  /** The contents of a tokenizer.json. */
  toJson(): object {
    return buildTokenizerJson(this.#spec);
  }

  /** Writes {@link TOKENIZER_FILES} into a folder, which is made where needed. transformers loads it too. */
  async save(folder: string): Promise<void> {
    const { lowercase, strip_accents, handle_chinese_chars } = this.#spec.normalizer;
    const config = {
      tokenizer_class: 'BertTokenizer',
      do_lower_case: lowercase,
      strip_accents,
      tokenize_chinese_chars: handle_chinese_chars,
    };
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'vocab.txt'), formatVocabText(this.vocab));
    await writeFile(join(folder, 'tokenizer.json'), `${JSON.stringify(this.toJson(), null, 2)}\n`);
    await writeFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`);
  }
}

function isSpecial(token: string): boolean {
  return /^\[(PAD|UNK|CLS|SEP|MASK)\]$/.test(token);
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found) return found.isDirectory();
  throw new Error(
    `${path}: expected a tokenizer's folder, vocab.txt or tokenizer.json, got nothing of that name. ` +
      'Check the path, or train a vocabulary first.',
  );
}

async function findFile(folder: string): Promise<string> {
  for (const name of ['tokenizer.json', 'vocab.txt']) {
    const file = join(folder, name);
    if (await exists(file)) return file;
  }
  throw new Error(
    `${folder}: expected a tokenizer.json or a vocab.txt in this folder, got neither. ` +
      'Give the folder of a checkpoint or of a saved tokenizer.',
  );
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** The settings of a tokenizer_config.json, none where there is no such file. */
async function readConfig(folder: string): Promise<NormalizeOptions> {
  const file = join(folder, 'tokenizer_config.json');
  if (!(await exists(file))) return {};
  const json = parseObject(await readFile(file, 'utf8'), file);
  const options: NormalizeOptions = {};
  const names = {
    lowerCase: 'do_lower_case',
    stripAccents: 'strip_accents',
    splitIdeographs: 'tokenize_chinese_chars',
  };
  for (const [option, name] of Object.entries(names) as [keyof NormalizeOptions, string][]) {
    const value = json[name];
    if (typeof value === 'boolean') options[option] = value;
  }
  return options;
}
