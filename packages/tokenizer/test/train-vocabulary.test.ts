import { describe, expect, test } from 'vitest';
import { SPECIAL_TOKENS, Tokenizer, trainVocabulary } from '@wbdc/tokenizer';

const repeat = (word: string, count: number) => Array.from({ length: count }, () => word);
/** The worked example of Hugging Face's course on byte-pair encoding: hug 10, pug 5, pun 12, bun 4, hugs 5. */
const course = [
  ...repeat('hug', 10),
  ...repeat('pug', 5),
  ...repeat('pun', 12),
  ...repeat('bun', 4),
  ...repeat('hugs', 5),
].join(' ');
/** u 36, ##u 36, g 20, ##g 20, p 17, ##n 16, n 16, h 15, ##s 5, s 5, b 4. */
const alphabet = ['##u', 'u', '##g', 'g', 'p', '##n', 'n', 'h', '##s', 's', 'b'];

describe('merges, by hand', () => {
  test('the most frequent pair first: ug 20, un 16, hug 15, pun 12', () => {
    const vocab = trainVocabulary([course], { size: 20, minFrequency: 1 });
    expect(vocab).toEqual([...SPECIAL_TOKENS, ...alphabet, '##ug', '##un', 'hug', 'pun']);
  });

  test('then of the pairs seen 5 times (hug, ##s) before (p, ##ug)', () => {
    const vocab = trainVocabulary([course], { size: 100, minFrequency: 1 });
    expect(vocab.slice(20)).toEqual(['hugs', 'pug', 'bun']);
  });

  test('minFrequency drops b, with it bun, so that un falls to 12 behind hug; and bun 4 is not merged', () => {
    const vocab = trainVocabulary([course], { size: 100, minFrequency: 5 });
    const kept = ['##u', 'u', '##g', 'g', 'p', '##n', 'n', 'h', '##s', 's'];
    expect(vocab).toEqual([...SPECIAL_TOKENS, ...kept, '##ug', 'hug', '##un', 'pun', 'hugs', 'pug']);
  });
});

test('the order of the texts does not matter', () => {
  const words = course.split(' ');
  const options = { size: 22, minFrequency: 1 };
  expect(trainVocabulary([...words].reverse(), options)).toEqual(trainVocabulary(words, options));
});

test('a run of one letter: pairs do not overlap', () => {
  expect(trainVocabulary(['aaaaa'], { size: 10, minFrequency: 1 })).toEqual([
    ...SPECIAL_TOKENS,
    'a',
    '##a',
    '##aa',
    '##aaaa',
    'aaaaa',
  ]);
});

test('ideographs stay single; what is kept encodes its own text without [UNK]', () => {
  const texts = ['短视频 video 𠮷野家', '视频 VIDEO 2022！', '表情😀😀 ｶﾞ'];
  const vocab = trainVocabulary(texts, { size: 200, minFrequency: 1 });
  expect(vocab).toContain('video');
  expect(vocab).toContain('𠮷');
  expect(vocab).toContain('d');
  expect(vocab.filter((token) => /^##\p{Script=Han}$/u.test(token))).toEqual([]);
  const tokenizer = Tokenizer.fromVocab(vocab);
  for (const text of texts) expect(tokenizer.encode(text)).not.toContain(tokenizer.special.unk);
  expect(tokenizer.decode(tokenizer.encode('短视频Video'))).toBe('短 视 频 video');
});

test('cased vocabularies', () => {
  const vocab = trainVocabulary(['Ab ab É'], { size: 50, minFrequency: 1, lowerCase: false });
  expect(vocab).toEqual(expect.arrayContaining(['A', 'Ab', 'ab', 'É']));
});

test('words beyond 100 characters teach nothing', () => {
  const vocab = trainVocabulary(['ab'.repeat(51)], { size: 50, minFrequency: 1 });
  expect(vocab).toEqual(
    [...SPECIAL_TOKENS, 'a', 'b', '##b', '##a'].sort((a, b) => vocab.indexOf(a) - vocab.indexOf(b)),
  );
  expect(vocab).toHaveLength(9);
});

test('errors', () => {
  expect(() => trainVocabulary([course], { size: 15, minFrequency: 1 })).toThrow(
    'size: expected at least 16 (5 special tokens and 11 characters that occur 1 times or more), got 15',
  );
  expect(() => trainVocabulary([], { size: 10, minFrequency: 0 })).toThrow(
    'minFrequency: expected a whole number of at least 1, got 0',
  );
  expect(() => trainVocabulary([], { size: 1.5, minFrequency: 1 })).toThrow(
    'size: expected a whole number of at least 1, got 1.5',
  );
});
