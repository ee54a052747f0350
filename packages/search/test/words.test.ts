import { describe, expect, it } from 'vitest';
import { wordsOfQuery, wordsOfText } from '@wbdc/search';

describe('wordsOfText', () => {
  it('gives characters and pairs of Chinese, whole words of the rest', () => {
    expect(wordsOfText('雨中的猫 Cat2')).toBe('雨 中 的 猫 雨中 中的 的猫 cat2');
  });

  it('parts scripts that touch', () => {
    expect(wordsOfText('我爱NBA，2023年')).toBe('我 爱 我爱 nba 2023 年');
  });

  it('reads full width letters as half width ones, and keeps emoji and characters beyond the first plane', () => {
    expect(wordsOfText('ＡＢＣ😀')).toBe('abc 😀');
    expect(wordsOfText('𠮷野家')).toBe('𠮷 野 家 𠮷野 野家');
  });

  it('is empty where there is no word', () => {
    expect(wordsOfText(' ，。!? \n')).toBe('');
  });

  it('cuts what has no blank in it', () => {
    expect(wordsOfText('x'.repeat(100))).toBe('x'.repeat(40));
  });
});

describe('wordsOfQuery', () => {
  it('leaves out single characters that say little, unless they are all there is', () => {
    expect(wordsOfQuery('雨中的猫')).toBe('雨中 中的 的猫 雨 中 猫');
    expect(wordsOfQuery('的')).toBe('的');
  });

  it('looks for each word once, and for so many at most', () => {
    expect(wordsOfQuery('cat Cat')).toBe('cat');
    const long = wordsOfQuery(Array.from({ length: 500 }, (_, i) => `w${i}`).join(' '));
    expect(long.split(' ')).toHaveLength(128);
  });
});
