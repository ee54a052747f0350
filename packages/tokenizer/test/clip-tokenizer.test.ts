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
