import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { makeFolder, readIfThere, writeFileAtomic } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import { CLIP_TOKENIZER_FILES, ClipTokenizer } from './clip-tokenizer.js';
import { READ_FILES } from './tokenizer-files.js';
import { Tokenizer } from './tokenizer.js';

/** Whom a tokenizer's loading tells. */
export interface LoadTokenizerOptions {
  /** Told each of the tokenizer's `warnings`: where its files contradict each other, and which one counts. */
  readonly onWarning?: (line: string) => void;
}

/**
 * Loads a tokenizer from disk.
 *
 * @param path a folder with tokenizer.json or vocab.txt (the first is preferred), or one of these files
 * @throws when there is no such file, or it is not a BERT tokenizer
 */
export async function loadTokenizer(path: string, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  return told(await readTokenizer(path), options);
}

function told<T extends { readonly warnings: readonly string[] }>(tokenizer: T, options: LoadTokenizerOptions): T {
  for (const warning of tokenizer.warnings) options.onWarning?.(warning);
  return tokenizer;
}

async function readTokenizer(path: string): Promise<Tokenizer> {
  if (await isFolder(path)) return Tokenizer.fromFiles(await readFiles(path, READ_FILES), path);
  const extension = extname(path);
  if (extension !== '.json' && extension !== '.txt') {
    throw new WbdcError(
      `${path}: expected a folder, a vocab.txt or a tokenizer.json, got a file that ends in '${extension}'. ` +
        "SentencePiece models ('.model') and pickles are not BERT's; export the tokenizer with save_pretrained.",
    );
  }
  const text = await readFile(path, 'utf8');
  const others = READ_FILES.filter((name) => name !== 'tokenizer.json' && name !== 'vocab.txt');
  const beside = await readFiles(dirname(path), others);
  const name = extension === '.json' ? 'tokenizer.json' : 'vocab.txt';
  return Tokenizer.fromFiles({ ...beside, [name]: text }, dirname(path));
}

/** Writes a tokenizer's files into a folder, which is made where needed. transformers loads it too. */
export async function saveTokenizer(tokenizer: Tokenizer, folder: string): Promise<void> {
  await makeFolder(folder);
  for (const [name, text] of Object.entries(tokenizer.toFiles())) {
    await writeFileAtomic(join(folder, name), text);
  }
}

/** Loads the tokenizer of a CLIP from its folder: tokenizer.json, or vocab.json and merges.txt. */
export async function loadClipTokenizer(folder: string, options: LoadTokenizerOptions = {}): Promise<ClipTokenizer> {
  return told(ClipTokenizer.fromFiles(await readFiles(folder, CLIP_TOKENIZER_FILES), folder), options);
}

async function readFiles<Name extends string>(
  folder: string,
  names: readonly Name[],
): Promise<Partial<Record<Name, string | undefined>>> {
  const texts = names.map((name) => readIfThere(join(folder, name)));
  const entries = (await Promise.all(texts)).map((text, i) => [names[i], text] as const);
  return Object.fromEntries(entries) as Partial<Record<Name, string | undefined>>;
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found) return found.isDirectory();
  throw new WbdcError(
    `${path}: expected a tokenizer's folder, vocab.txt or tokenizer.json, got nothing of that name. ` +
      'Check the path, or train a vocabulary first.',
  );
}
