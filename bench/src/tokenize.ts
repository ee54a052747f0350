/** WordPiece of Chinese titles and recognised texts: ours against Hugging Face's, in Rust and in JavaScript. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomInt, randomKey } from '@wbdc/nn';
import { SPECIAL_TOKENS, Tokenizer } from '@wbdc/tokenizer';
import { saveTokenizer } from '@wbdc/tokenizer/node';
import { compare } from './compare.js';
import { readOptions } from './options.js';
import { findPython, nodePeer, pythonPeer, withoutPython } from './python.js';
import { publish } from './report.js';

const options = readOptions(10);
const TEXTS = options.small ? 500 : 5000;
const CHARACTERS = 7000;
const key = randomKey(5);

/** Mostly Chinese, here and there Latin words, numbers and signs, 10 to 120 characters. */
function makeText(i: number): string {
  const length = 10 + randomInt(key, 1000 * i, 111);
  const parts = Array.from({ length }, (_, k) => {
    const draw = randomInt(key, 1000 * i + 2 * k + 1, 1000);
    if (draw < 30) return ['，', '！', '#', ' ', '?'][draw % 5];
    if (draw < 50) return [' vlog ', 'OPPO', '2022', 'iPhone13', 'Café'][draw % 5];
    return String.fromCodePoint(0x4e00 + randomInt(key, 1000 * i + 2 * k + 2, CHARACTERS + 200)); // some are unknown
  });
  return parts.join('');
}

const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789'];
const signs = ['，', '！', '#', '?'];
const characters = Array.from({ length: CHARACTERS }, (_, i) => String.fromCodePoint(0x4e00 + i));
const words = ['vlog', 'op', '##po', '2022', 'iphone', '##13', 'caf'];
const pieces = [...letters, ...letters.map((letter) => `##${letter}`), ...signs, ...characters, ...words];
const folder = mkdtempSync(join(tmpdir(), 'wbdc-bench-'));
try {
  await saveTokenizer(Tokenizer.fromVocab([...SPECIAL_TOKENS, ...pieces]), folder);
  const texts = join(folder, 'texts.json');
  writeFileSync(texts, JSON.stringify(Array.from({ length: TEXTS }, (_, i) => makeText(i))));
  const vocabulary = join(folder, 'tokenizer.json');
  const python = findPython('tokenizers');
  const rust = (kind: string) =>
    pythonPeer(python!, 'wordpiece.py', `tokenizers ${kind}`, [kind, vocabulary, texts], options.threads);
  const comparison = await compare({
    ...options,
    reference: nodePeer('wordpiece.js', 'ours', [vocabulary, texts]),
    others: [
      ...(python ? [rust('one'), rust('batch')] : []),
      nodePeer('tokenize-transformers-js.js', 'transformers.js', [vocabulary, texts]),
    ],
    bytesEach: 4e8,
  });
  publish(
    {
      name: 'tokenize',
      work: `${TEXTS} texts to token ids.`,
      comparison,
      amount: TEXTS,
      unit: 'texts',
      baselines: ['tokenizers one', 'tokenizers batch'],
      notes: python ? [] : [withoutPython('tokenizers')],
      result: 'tokens',
    },
    options,
  );
} finally {
  rmSync(folder, { recursive: true });
}
