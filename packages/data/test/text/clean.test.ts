import { expect, it } from 'vitest';
import { cleanedTexts, cleanText, DEFAULT_CLEANING } from '../../src/text/clean.js';

it.each([
  ['ＡＢＣ１２３　　ｄ', 'ABC123 d'],
  ['看 https://v.qq.com/x?a=1 和www.a.cn呀', '看 和 呀'],
  ['哈哈哈哈哈哈 100000 😀😀😀😀!', '哈哈哈 100000 😀😀😀!'],
  ['a\u0000b\u200bc\ud800d\ue000\ufffd\r\n e', 'a b c d e'],
  ['', ''],
])('cleans %j', (dirty, clean) => {
  expect(cleanText(dirty)).toBe(clean);
});

it('changes nothing but white space where all is turned off', () => {
  const off = {
    unicode: 'keep',
    dropControls: false,
    dropLinks: false,
    maxRun: 0,
    dropRepeatedOcr: false,
    maxCharacters: Infinity,
  } as const;
  const text = 'Ａ\u200b http://a 哈哈哈哈哈哈';
  expect(cleanText(text, off)).toBe(text);
  const video = {
    id: '123',
    title: '',
    asr: '',
    ocr: [
      { time: 0, text: 'a' },
      { time: 1, text: 'a' },
    ],
  };
  expect(cleanedTexts(off)(video).ocr).toBe('a a');
});

it('takes a caption once', () => {
  const ocr = ['字幕', '另外', '字幕 ', '字幕'].map((text, i) => ({ time: 9 - i, text }));
  const video = { id: '123', title: 'Ｔ', asr: ' x ', ocr };
  expect(cleanedTexts()(video)).toEqual({ title: 'T', asr: 'x', ocr: '字幕 另外' });
});

it('looks at no more than it should, quickly', () => {
  const start = performance.now();
  expect(cleanText('a b'.repeat(3e6)).length).toBeLessThanOrEqual(DEFAULT_CLEANING.maxCharacters);
  expect(cleanText(`${'www.'.repeat(1e3)}${'哈'.repeat(1e6)}`)).toBe('哈哈哈');
  expect(performance.now() - start).toBeLessThan(3000);
});
