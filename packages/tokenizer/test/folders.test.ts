import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SPECIAL_TOKENS, Tokenizer, wordSplitter } from '../src/index.js';
import { loadTokenizer, saveTokenizer } from '../src/node.js';
import { shortenWords } from '../src/normalize.js';
import fixture from './fixtures/folders.json' with { type: 'json' };

describe('folders of tokenizers, as transformers reads them', () => {
  it.each(fixture.cases)('$name', ({ files, size, ids }) => {
    const tokenizer = Tokenizer.fromFiles(files);
    expect(tokenizer.vocabSize).toBe(size);
    const rows = fixture.texts.map((text, i) => ({ text, ids: ids[i] }));
    expect(fixture.texts.map((text) => ({ text, ids: tokenizer.encode(text) }))).toEqual(rows);
    // What it is saved as says the same.
    const again = Tokenizer.fromFiles(tokenizer.toFiles());
    expect(fixture.texts.map((text) => again.encode(text))).toEqual(ids);
    expect(again.warnings).toEqual([]);
  });

  it('cuts no word into a token that was added', () => {
    const vocab = [...SPECIAL_TOKENS, '<', '>', 'a', '##s', '##er'];
    const files = {
      'vocab.txt': vocab.map((token) => `${token}\n`).join(''),
      'tokenizer_config.json': JSON.stringify({ tokenizer_class: 'BertTokenizer', extra_special_tokens: ['keep'] }),
    };
    const tokenizer = Tokenizer.fromFiles(files);
    for (const own of [tokenizer, Tokenizer.fromFiles(tokenizer.toFiles())]) {
      // As transformers 5 does: it is found as it is written, within words too, and unknown in another case.
      expect(own.encode('keep')).toEqual([10]);
      expect(own.encode('Keep KEEPs')).toEqual([1, 1]);
      expect(own.encode('keeps')).toEqual([10, 1]);
      expect(own.decode([7, 10, 8])).toBe('a keeps');
      expect(own.vocabSize).toBe(11);
    }
  });

  it('tells of contradictions, and of none elsewhere', () => {
    const warnings = Object.fromEntries(
      fixture.cases.map(({ name, files }) => [name, Tokenizer.fromFiles(files, 'folder').warnings]),
    );
    expect(warnings['tokenizer.json lower-cases, the configuration does not']).toEqual([
      'folder: tokenizer.json says lowercase true, tokenizer_config.json do_lower_case false: the latter counts, ' +
        'as in ' +
        'transformers',
    ]);
    expect(warnings['cased in tokenizer.json, the configuration is silent']).toEqual([
      'folder: tokenizer.json says lowercase false, tokenizer_config.json nothing of do_lower_case: ' +
        "BERT's true counts, as in transformers",
    ]);
    expect(warnings['cased in tokenizer.json, of which the general class takes all']).toEqual([
      'folder: tokenizer.json says lowercase false, tokenizer_config.json do_lower_case true: the former counts, as ' +
        "in transformers for a tokenizer_class that is not BERT's",
    ]);
    expect(Object.values(warnings).filter((lines) => lines.length > 0)).toHaveLength(10);
  });

  it('tells of a vocab.txt that gives other ids than the tokenizer.json beside it', () => {
    const files = Tokenizer.fromVocab([...SPECIAL_TOKENS, '猫', '狗']).toFiles();
    const warnings = (vocab: string, added = {}) =>
      Tokenizer.fromFiles({ ...files, 'vocab.txt': vocab, 'added_tokens.json': JSON.stringify(added) }, 'x').warnings;
    const [lines, counts] = [SPECIAL_TOKENS.join('\n'), 'in vocab.txt: the former counts'];
    expect(warnings(`${lines}\n狗\n猫\n`)).toEqual([`x: the id 5 is '猫' in tokenizer.json, '狗' ${counts}`]);
    expect(warnings(`${lines}\n猫\n`)).toEqual([`x: the id 6 is '狗' in tokenizer.json, nothing ${counts}`]);
    expect(warnings(`${lines}\n猫\n狗\n鱼`)).toEqual([`x: the id 7 is nothing in tokenizer.json, '鱼' ${counts}`]);
    expect(warnings(`${lines}\n猫\n狗\n`, { '<vid>': 7 })).toEqual([]);
  });

  it('tells whoever loads a folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'));
    const told: string[] = [];
    try {
      await saveTokenizer(Tokenizer.fromVocab([...SPECIAL_TOKENS, '猫']), folder);
      await loadTokenizer(folder, { onWarning: (line) => told.push(line) });
      expect(told).toEqual([]);
      const config = { tokenizer_class: 'BertTokenizer', do_lower_case: false };
      await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
      const { warnings } = await loadTokenizer(folder, { onWarning: (line) => told.push(line) });
      expect(told).toEqual(warnings);
      expect(told).toEqual([expect.stringContaining('tokenizer_config.json do_lower_case false: the latter counts')]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  const vocab = [...SPECIAL_TOKENS, '猫'].join('\n');
  const configured =
    (config: object, name = 'tokenizer_config.json') =>
    () =>
      Tokenizer.fromFiles({ 'vocab.txt': vocab, [name]: JSON.stringify(config) }, 'folder');

  it.each(['BertJapaneseTokenizer', 'RobertaTokenizerFast', 'XLMRobertaTokenizer'])('refuses a %s', (name) => {
    expect(configured({ tokenizer_class: name })).toThrow(`got a ${name}, which gives other ids`);
    expect(configured({ tokenizer_class: name }, 'config.json')).toThrow(`got a ${name}, which gives other ids`);
  });

  it('refuses special tokens of other names, wherever they stand', () => {
    const refused = 'expected mask_token [MASK], as BERT has it, got "<mask>"';
    expect(configured({ mask_token: '<mask>' })).toThrow(`folder/tokenizer_config.json: ${refused}`);
    expect(configured({ mask_token: { content: '<mask>' } }, 'special_tokens_map.json')).toThrow(refused);
    expect(configured({ mask_token: '[MASK]', pad_token: null })().special.mask).toBe(4);
  });

  it('refuses settings that are neither true nor false', () => {
    expect(configured({ do_lower_case: 'false' })).toThrow('expected do_lower_case true or false, got "false"');
    expect(configured({ strip_accents: null })().encode('É猫')).toEqual([1, 5]);
  });

  it('refuses an added token whose id does not fit the vocabulary', () => {
    const vocab = [...SPECIAL_TOKENS, '猫'].join('\n');
    expect(() => Tokenizer.fromFiles({ 'vocab.txt': vocab, 'added_tokens.json': '{"<vid>": 9}' }, 'folder')).toThrow(
      "folder: expected the added token '<vid>' to have the id 6, by the vocabulary and the tokens added before " +
        'it, got 9',
    );
  });
});

describe('a line without end', () => {
  // V8's regular expressions overflow their stack on words of some millions of characters.
  it.each(['ａ', '😀'])('of %s is cut where nobody looks any more', (character) => {
    expect([...shortenWords(`${character.repeat(6_000_000 / character.length)} 猫`)]).toHaveLength(1002);
  });

  it('is one unknown word', () => {
    const text = `${'Ａ'.repeat(200_000)} 猫`;
    const tokenizer = Tokenizer.fromVocab([...SPECIAL_TOKENS, 'a', '##a', '猫']);
    expect(tokenizer.encode(text)).toEqual([1, 7]);
    expect(wordSplitter()(text)).toEqual(['ａ'.repeat(1000), '猫']);
  });
});
