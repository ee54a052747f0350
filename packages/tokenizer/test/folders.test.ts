import { describe, expect, it } from 'vitest';
import { SPECIAL_TOKENS, Tokenizer, wordSplitter } from '../src/index.js';
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

  it('tells of contradictions, and of none elsewhere', () => {
    const warnings = Object.fromEntries(
      fixture.cases.map(({ name, files }) => [name, Tokenizer.fromFiles(files, 'folder').warnings]),
    );
    expect(warnings['tokenizer.json lower-cases, the configuration does not']).toEqual([
      'folder: tokenizer.json says lowercase true, tokenizer_config.json do_lower_case false: the latter counts, ' +
        'as in ' +
        'transformers',
    ]);
    expect(Object.values(warnings).filter((lines) => lines.length > 0)).toHaveLength(4);
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
