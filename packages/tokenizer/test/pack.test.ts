import { describe, expect, test } from 'vitest';
import { packText, packTokens, parseLayout, QQ_LAYOUT, WBDC_LAYOUT, type TextLayout } from '@wbdc/tokenizer';

const special = { cls: 101, sep: 102 };
/** One token per character, 0 and up, so that what is kept shows. */
const counter = { special, encode: (text: string) => [...text].map((_, i) => i) };
const letters = (count: number) => 'x'.repeat(count);

/** Tokens kept of title, ocr and asr. */
function kept(title: number, ocr: number, asr: number, layout: TextLayout = WBDC_LAYOUT): number[] {
  const texts = { title: letters(title), ocr: letters(ocr), asr: letters(asr) };
  const { tokens, spans } = packText(counter, texts, layout);
  expect(tokens).toHaveLength(Math.min(title + ocr + asr + 4, layout.budget));
  return spans.map(({ start, end }) => end - start);
}

test('WBDC: [CLS] title [SEP] ocr [SEP] asr [SEP]', () => {
  expect(packText(counter, { title: 'ab', ocr: 'c', asr: 'def' }, WBDC_LAYOUT)).toEqual({
    tokens: [101, 0, 1, 102, 0, 102, 0, 1, 2, 102],
    segments: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    spans: [
      { field: 'title', start: 1, end: 3 },
      { field: 'ocr', start: 4, end: 5 },
      { field: 'asr', start: 6, end: 9 },
    ],
  });
});

test('QQ: [CLS] [SEP] title [SEP], at most 36 tokens; other texts are left out', () => {
  const short = packText(counter, { title: 'abc', asr: 'left out' }, QQ_LAYOUT);
  expect(short.tokens).toEqual([101, 102, 0, 1, 2, 102]);
  expect(short.spans).toEqual([{ field: 'title', start: 2, end: 5 }]);
  const long = packText(counter, { title: letters(97) }, QQ_LAYOUT);
  expect(long.tokens).toEqual([101, 102, ...Array.from({ length: 33 }, (_, i) => i), 102]);
});

test('empty and absent fields keep their separator and an empty span', () => {
  expect(packText(counter, { ocr: 'a' }, WBDC_LAYOUT)).toMatchObject({
    tokens: [101, 102, 0, 102, 102],
    spans: [
      { field: 'title', start: 1, end: 1 },
      { field: 'ocr', start: 2, end: 3 },
      { field: 'asr', start: 4, end: 4 },
    ],
  });
});

describe('what does not fit is taken from the longest field', () => {
  test('one long field', () => expect(kept(13, 17, 1009)).toEqual([13, 17, 222]));
  test('two long fields end equal; the odd token goes to the earlier', () => {
    expect(kept(13, 997, 1009)).toEqual([13, 120, 119]);
  });
  test('three long fields', () => expect(kept(499, 997, 1009)).toEqual([84, 84, 84]));
  test('ties: the later field loses', () => {
    expect(kept(3, 3, 3, { ...WBDC_LAYOUT, budget: 12 })).toEqual([3, 3, 2]);
    expect(kept(3, 3, 3, { ...WBDC_LAYOUT, budget: 11 })).toEqual([3, 2, 2]);
    expect(kept(3, 3, 3, { ...WBDC_LAYOUT, budget: 4 })).toEqual([0, 0, 0]);
  });
  test('exactly full', () => expect(kept(80, 83, 89)).toEqual([80, 83, 89]));
  test('limits come first', () => {
    expect(kept(401, 7, 409, { ...WBDC_LAYOUT, limits: { asr: 5 } })).toEqual([240, 7, 5]);
  });
  test('the beginning of a field is kept', () => {
    const { tokens } = packTokens(special, { title: [7, 8, 9], ocr: [5] }, { ...WBDC_LAYOUT, budget: 7 });
    expect(tokens).toEqual([101, 7, 8, 102, 5, 102, 102]);
  });
});

test('segments of a field cover its separator', () => {
  const layout = { ...WBDC_LAYOUT, segments: { ocr: 1, asr: 1 } };
  expect(packText(counter, { title: 'a', ocr: 'b', asr: '' }, layout).segments).toEqual([0, 0, 0, 1, 1, 1]);
});

describe('errors of the layout', () => {
  const pack = (change: Partial<TextLayout>) => () => packText(counter, {}, { ...WBDC_LAYOUT, ...change });
  test('budget', () => {
    expect(pack({ budget: 3 })).toThrow(
      'TextLayout.budget: expected a whole number of at least 4 ([CLS] and 3 x [SEP] for title, ocr, asr), got 3',
    );
    expect(pack({ budget: 4, separatorFirst: true })).toThrow('at least 5 ([CLS] and 4 x [SEP]');
    expect(pack({ budget: 20.5 })).toThrow('got 20.5');
  });
  test('fields', () => {
    expect(pack({ fields: [] })).toThrow('one or more fields, each once, got []');
    expect(pack({ fields: ['title', 'title'] })).toThrow('got [title, title]');
  });
  test('names', () => {
    expect(pack({ limits: { titel: 3 } })).toThrow(
      "TextLayout.limits: expected names out of title, ocr, asr, got 'titel'",
    );
    expect(pack({ segments: { asr: -1 } })).toThrow(
      'TextLayout.segments.asr: expected a whole number, 0 or more, got -1',
    );
  });
});

describe('parseLayout', () => {
  const saved = { fields: ['title'], budget: 36, separatorFirst: true, cleaning: null };

  test('takes the layout out of what a checkpoint keeps', () => {
    expect(parseLayout(saved, 'x')).toEqual(QQ_LAYOUT);
    expect(parseLayout({ ...WBDC_LAYOUT, segments: { ocr: 1 } }, 'x')).toEqual({
      ...WBDC_LAYOUT,
      segments: { ocr: 1 },
    });
  });

  test.each([
    [undefined, 'config.json: text: expected a text layout { fields, budget, separatorFirst }, got nothing'],
    [{ ...saved, fields: 'title' }, 'config.json: text: expected a text layout'],
    [{ ...saved, budget: '39' }, 'config.json: text: expected a text layout'],
    [{ ...saved, budget: 1 }, 'TextLayout.budget: expected a whole number of at least 3'],
    [{ ...saved, limits: { ocr: 3 } }, "TextLayout.limits: expected names out of title, got 'ocr'"],
  ])('refuses %j', (json, message) => {
    expect(() => parseLayout(json, 'config.json: text')).toThrow(message);
  });
});
