import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SPECIAL_TOKENS, Tokenizer, type NormalizeOptions } from '@wbdc/tokenizer';
import { loadTokenizer, saveTokenizer } from '../src/node.js';
import fixture from './fixtures/bert.json' with { type: 'json' };

const small = [...SPECIAL_TOKENS, '你', '好', 'un', '##want', '##ed', ','];

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))));
afterEach(() => rm(folder, { recursive: true }));

function options(settings: Record<string, boolean>): NormalizeOptions {
  return {
    lowerCase: settings['do_lower_case'],
    ...('strip_accents' in settings && { stripAccents: settings['strip_accents'] }),
    ...('tokenize_chinese_chars' in settings && { splitIdeographs: settings['tokenize_chinese_chars'] }),
  };
}

describe.each(fixture.runs)("as transformers' BertTokenizer $settings", ({ settings, ids, decoded }) => {
  const tokenizer = Tokenizer.fromVocab(fixture.vocab, options(settings as Record<string, boolean>));
  const named = (row: number[]) => row.map((id) => fixture.vocab[id]);

  test('encode', () => {
    expect(fixture.texts.map((text) => named(tokenizer.encode(text)))).toEqual(ids.map(named));
  });

  test('decode', () => {
    expect(ids.map((row) => tokenizer.decode(row))).toEqual(decoded);
  });
});

test('greedy longest match, by hand', () => {
  const tokenizer = Tokenizer.fromVocab(small);
  expect(tokenizer.encode('Unwanted, 你好你')).toEqual([7, 8, 9, 10, 5, 6, 5]);
  expect(tokenizer.encode('unwant unwanting')).toEqual([7, 8, 1]);
  expect(tokenizer.special).toEqual({ pad: 0, unk: 1, cls: 2, sep: 3, mask: 4 });
  expect(tokenizer.vocabSize).toBe(11);
});

test('decode can leave special tokens out', () => {
  const tokenizer = Tokenizer.fromVocab(small);
  expect(tokenizer.decode([2, 5, 6, 3, 0])).toBe('[CLS] 你 好 [SEP] [PAD]');
  expect(tokenizer.decode([2, 5, 6, 3, 0], { skipSpecialTokens: true })).toBe('你 好');
  expect(tokenizer.decode(new Int32Array(0))).toBe('');
  expect(() => tokenizer.decode([5, 11])).toThrow('ids[1]: expected an id from 0 to 10, got 11');
});

describe('files', () => {
  test('what is saved loads again, by folder and by file', async () => {
    const cased = Tokenizer.fromVocab([...small, 'A'], { lowerCase: false, splitIdeographs: false });
    await saveTokenizer(cased, join(folder, 'new', 'one'));
    for (const name of ['', 'vocab.txt', 'tokenizer.json']) {
      const loaded = await loadTokenizer(join(folder, 'new', 'one', name));
      expect(loaded.vocab).toEqual(cased.vocab);
      expect(loaded.toJson()).toEqual(cased.toJson());
      expect(loaded.encode('A 你 你好')).toEqual([11, 5, 1]);
    }
  });

  test('vocab.txt: byte order mark and Windows line ends', async () => {
    await writeFile(join(folder, 'vocab.txt'), `\uFEFF${small.join('\r\n')}\r\n`);
    expect((await loadTokenizer(folder)).vocab).toEqual(small);
  });

  test('tokenizer.json: no model.type, added tokens behind the vocabulary', async () => {
    const json = Tokenizer.fromVocab(small).toJson() as { model: Record<string, unknown>; added_tokens: object[] };
    delete json.model['type'];
    json.added_tokens.push({ id: 11, content: '<vid>', special: false });
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(json));
    const loaded = await loadTokenizer(folder);
    expect(loaded.vocab).toEqual([...small, '<vid>']);
    expect(loaded.encode('你<vid>好')).toEqual([5, 11, 6]);
    await saveTokenizer(loaded, folder);
    expect((await loadTokenizer(folder)).encode('你<vid>好')).toEqual([5, 11, 6]);
  });

  test('tokenizer.json has what BERT has', () => {
    expect(Tokenizer.fromVocab(small).toJson()).toMatchObject({
      normalizer: { type: 'BertNormalizer', strip_accents: null, lowercase: true },
      post_processor: { type: 'TemplateProcessing', special_tokens: { '[SEP]': { id: '[SEP]', ids: [3] } } },
      model: { type: 'WordPiece', max_input_chars_per_word: 100, vocab: { 你: 5 } },
    });
  });
});

describe('errors', () => {
  test('vocabulary', () => {
    expect(() => Tokenizer.fromVocab(['[PAD]', '[UNK]', '[CLS]', '你'])).toThrow(
      /expected the special tokens .*, got 4 tokens without \[SEP\] \[MASK\]/,
    );
    expect(() => Tokenizer.fromVocab([...small, '好', 'a\nb'])).toThrow(
      /line 12: '好' stands already on line 7; line 13: "a\\nb" cannot be a token/,
    );
  });

  test('no file, no known file, no known format', async () => {
    await expect(loadTokenizer(join(folder, 'none'))).rejects.toThrow('got nothing of that name');
    await expect(loadTokenizer(folder)).rejects.toThrow('expected a tokenizer.json or a vocab.txt in this folder');
    await writeFile(join(folder, 'spm.model'), '');
    await expect(loadTokenizer(join(folder, 'spm.model'))).rejects.toThrow("got a file that ends in '.model'");
  });

  test('tokenizer.json', async () => {
    const file = join(folder, 'tokenizer.json');
    const good = JSON.stringify(Tokenizer.fromVocab(small).toJson());
    const load = async (text: string) => {
      await writeFile(file, text);
      return loadTokenizer(file);
    };
    await expect(load(good.slice(0, -9))).rejects.toThrow(`${file}: expected JSON, got`);
    await expect(load('[]')).rejects.toThrow('expected a JSON object, got a list');
    await expect(load('{}')).rejects.toThrow('model.unk_token: expected "[UNK]" (BERT WordPiece), got nothing');
    await expect(load(good.replace('"WordPiece","unk', '"BPE","unk'))).rejects.toThrow(
      'model.type: expected "WordPiece" (BERT WordPiece), got "BPE"',
    );
    await expect(load(good.replace('BertNormalizer', 'NFKC'))).rejects.toThrow('normalizer.type');
    await expect(load(good.replace('"你":5', '"你":6'))).rejects.toThrow(
      "got 6 for '好', which is also the id of '你'",
    );
    await expect(load(good.replace('"你":5', '"你":99'))).rejects.toThrow("got 99 for '你', of 11 tokens");
  });

  test('the saved vocab.txt ends with one line end', async () => {
    await saveTokenizer(Tokenizer.fromVocab(small), folder);
    expect(await readFile(join(folder, 'vocab.txt'), 'utf8')).toBe(`${small.join('\n')}\n`);
  });
});
