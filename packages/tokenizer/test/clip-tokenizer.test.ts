import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ClipTokenizer } from '../src/index.js';
import { loadClipTokenizer } from '../src/node.js';

interface Case {
  readonly text: string;
  readonly ids: number[];
}

const FIXTURES = new URL('fixtures/', import.meta.url);
const { cases, whole, ...special } = JSON.parse(readFileSync(new URL('clip-tokenizer.json', FIXTURES), 'utf8')) as {
  readonly cases: Case[];
  readonly whole: Case[];
  readonly start: number;
  readonly end: number;
  readonly vocabSize: number;
};
const folder = (name: string): string => fileURLToPath(new URL(`clip-tokenizer/${name}`, FIXTURES));
const idsOf = (tokenizer: ClipTokenizer, of: readonly Case[]): Case[] =>
  of.map(({ text }) => ({ text, ids: tokenizer.encode(text) }));

describe("CLIP's tokenizer gives the ids of transformers' CLIPTokenizer", () => {
  it('from vocab.json and merges.txt, as published', async () => {
    const tokenizer = await loadClipTokenizer(folder('published'));
    expect(cases.length).toBeGreaterThan(150);
    expect(idsOf(tokenizer, cases)).toEqual(cases);
    expect(tokenizer).toMatchObject(special);
  });

  it('from tokenizer.json, whose special tokens are looked for in another way', async () => {
    const tokenizer = await loadClipTokenizer(folder('whole'));
    const other = new Map(whole.map((one) => [one.text, one]));
    expect(other.size).toBeGreaterThan(0);
    const expected = cases.map((one) => other.get(one.text) ?? one);
    expect(idsOf(tokenizer, cases)).toEqual(expected);
    expect(tokenizer).toMatchObject(special);
  });
});

describe('files that contradict tokenizer.json', () => {
  const read = (name: string, file: string): string => readFileSync(join(folder(name), file), 'utf8');
  const json = read('whole', 'tokenizer.json');
  const vocab = read('published', 'vocab.json');
  const merges = read('published', 'merges.txt');
  const warnings = (files: object): readonly string[] =>
    ClipTokenizer.fromFiles({ 'tokenizer.json': json, 'vocab.json': vocab, 'merges.txt': merges, ...files }, 'x')
      .warnings;

  it('are told, with the one that counts', () => {
    expect(warnings({})).toEqual([]);
    const ids = JSON.parse(vocab) as Record<string, number>;
    const [[first, id]] = Object.entries(ids);
    expect(warnings({ 'vocab.json': JSON.stringify({ ...ids, [first]: 900_000 }) })).toEqual([
      `x: '${first}' has the id ${id} in tokenizer.json, 900000 in vocab.json: the former counts, as in transformers`,
    ]);
    expect(warnings({ 'vocab.json': vocab.replace(/\}\s*$/, ',"new": 900000}') })).toEqual([
      "x: 'new' has the id none in tokenizer.json, 900000 in vocab.json: the former counts, as in transformers",
    ]);
    expect(warnings({ 'vocab.json': 'version https://git-lfs.github.com/spec/v1' })).toEqual([
      expect.stringMatching(/^x: vocab.json is not read \(.*JSON.*\): tokenizer.json counts, as in transformers$/),
    ]);
    const lines = merges.trimEnd().split('\n');
    const swapped = [lines[0], lines[2], lines[1], ...lines.slice(3)].join('\n');
    const merge = 'of merges.txt is not that of tokenizer.json: the latter counts, as in transformers';
    expect(warnings({ 'merges.txt': swapped })).toEqual([`x: merge 0 ${merge}`]);
    expect(warnings({ 'merges.txt': lines.slice(0, -1).join('\n') })).toEqual([
      `x: merge ${lines.length - 2} ${merge}`,
    ]);
    const cased = JSON.stringify({ ...(JSON.parse(json) as object), normalizer: { type: 'NFC' } });
    expect(warnings({ 'tokenizer.json': cased })).toEqual([
      "x: tokenizer.json does not write in lower case, CLIP's tokenizer does: the latter counts, as in transformers",
    ]);
  });

  it('are told to whoever loads the folder', async () => {
    const made = await mkdtemp(join(tmpdir(), 'clip-tokenizer-'));
    const files = { 'tokenizer.json': json, 'vocab.json': vocab, 'merges.txt': '#version: 0.2\n' };
    for (const [name, text] of Object.entries(files)) await writeFile(join(made, name), text);
    const told: string[] = [];
    await loadClipTokenizer(made, { onWarning: (line) => told.push(line) });
    expect(told).toEqual([expect.stringContaining('merge 0 of merges.txt is not that of tokenizer.json')]);
    await rm(made, { recursive: true });
  });
});

describe('what is no tokenizer of a CLIP', () => {
  const files = { 'vocab.json': '{"<|startoftext|>":0,"<|endoftext|>":1}', 'merges.txt': '#version: 0.2\n' };

  it.each([
    [{}, 'x: expected tokenizer.json, or vocab.json and merges.txt, of a CLIP, got none'],
    [{ 'vocab.json': '{}' }, 'x: expected tokenizer.json, or vocab.json and merges.txt, of a CLIP, got vocab.json'],
    [{ ...files, 'vocab.json': '[]' }, 'x/vocab.json: expected a JSON object, got a list'],
    [{ ...files, 'vocab.json': '{"a":-1}' }, "x/vocab.json: expected tokens with their ids, got -1 for 'a'"],
    [
      { ...files, 'vocab.json': '{"<|endoftext|>":0}' },
      'x: expected the token <|startoftext|>, got a vocabulary without it',
    ],
    [{ ...files, 'merges.txt': 'a b\n' }, 'x/merges.txt: merge 0: expected two tokens that make one, got ["a","b"]'],
    [
      { 'tokenizer.json': '{"model":{"type":"WordPiece"}}' },
      'x/tokenizer.json: expected a model of byte pairs whose words end in </w>',
    ],
    [
      { 'tokenizer.json': '{"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"a":0},"merges":[7]}}' },
      'x/tokenizer.json: merge 0: expected two tokens that make one, got 7',
    ],
  ])('%j', (given, message) => {
    expect(() => ClipTokenizer.fromFiles(given, 'x')).toThrow(message);
  });

  it('is told of a folder too', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'clip-tokenizer-'));
    await writeFile(join(empty, 'vocab.txt'), 'a\n');
    await expect(loadClipTokenizer(empty)).rejects.toThrow(`${empty}: expected tokenizer.json, or vocab.json`);
    await rm(empty, { recursive: true });
  });
});
