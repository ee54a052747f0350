import { describe, expect, it } from 'vitest';
import { joinRows } from '../../src/tables/join.js';
import { categoryOf, parseRow, type TextRecord } from '../../src/tables/records.js';

const COLUMNS = { video: 'file', id: 'id', title: 'title', ocr: 'ocr', asr: 'asr', category: 'label', tags: 'tags' };
const parse = (cells: Record<string, unknown>): TextRecord => parseRow({ where: 't: row 2', cells }, COLUMNS);

describe('a row', () => {
  it('gives texts, labels and tags', () => {
    expect(
      parse({ file: ' a.mp4 ', title: ' 猫 ', ocr: '一\n\n二', asr: 7, label: '动物/猫', tags: '美食|探店|美食' }),
    ).toMatchObject({
      video: 'a.mp4',
      title: '猫',
      ocr: [
        { time: 0, text: '一' },
        { time: 2, text: '二' },
      ],
      asr: '7',
      category: ['动物', '猫'],
      tags: ['美食', '探店'],
    });
    expect(parse({ id: 'x', ocr: [{ time: 3, text: 'a' }, 'b'], tags: ['a b', 1, ''] })).toMatchObject({
      video: undefined,
      id: 'x',
      ocr: [
        { time: 3, text: 'a' },
        { time: 1, text: 'b' },
      ],
      category: [],
      tags: ['a b', '1'],
    });
  });

  it.each([
    ['美食 探店', ['美食', '探店']],
    ['cute cat, dog', ['cute cat', 'dog']],
    ['#美食#探店 #', ['美食', '探店']],
    ['美食、探店；猫', ['美食', '探店', '猫']],
  ])('has its tags apart: %s', (tags, expected) => {
    expect(parse({ file: 'a', tags }).tags).toEqual(expected);
  });

  it.each([
    ['a', '', ['a']],
    ['a / b', '', ['a', 'b']],
    ['a > b > c', '', ['a', 'b/c']],
    ['a', 'b/c', ['a', 'b/c']],
    ['', '', []],
  ])('has one or two levels of category: %j %j', (first, second, expected) => {
    expect(categoryOf(first, second)).toEqual(expected);
  });

  it.each([
    [
      { id: 2 ** 63 },
      /row 2: id: expected an id, got the rounded number 9223372036854776000: write ids of more than 15 digits as text/,
    ],
    [{ id: '1.45E+19' }, /got the rounded number 1\.45E\+19/],
    [{ title: 'x' }, /row 2: expected the name of a video, got none/],
    [{ file: 'a', title: {} }, /title: expected text, got \{\}/],
    [{ file: 'a', ocr: [{ time: 'x', text: 'y' }] }, /ocr\[0\]\.time: expected a number of seconds, got "x"/],
  ])('is refused: %j', (cells, message) => {
    expect(() => parse(cells)).toThrow(message);
  });
});

describe('rows and videos', () => {
  const videos = ['a/x.mp4', 'b/x.mp4', 'b/猫.webm', 'set 1'].map((name) => ({ name }));
  const join = (...names: string[]) => {
    const lines: string[] = [];
    const rows = names.map((video, i) => ({ ...parse({ file: video }), where: `row ${i}` }));
    const joined = joinRows(rows, videos, {
      root: '/v',
      onProblem: (problem, message) => lines.push(`${problem}\t${message}`),
    });
    return { names: [...joined].map(([{ name }, { where }]) => `${name} ${where}`), lines };
  };

  it('belong together by path, file or name', () => {
    const { names, lines } = join('a/x.mp4', './b\\x', '猫'.normalize('NFD'), '/v/set 1');
    expect(names).toEqual(['a/x.mp4 row 0', 'b/x.mp4 row 1', 'b/猫.webm row 2', 'set 1 row 3']);
    expect(lines).toEqual([]);
    expect(join('/elsewhere/b/猫.webm').names).toEqual(['b/猫.webm row 0']);
  });

  it('are told where they do not', () => {
    const { names, lines } = join('x.mp4', 'none.mp4', 'set 1', 'set 1');
    expect(names).toEqual(['set 1 row 2']);
    expect(lines).toEqual([
      "bad row\trow 0: 'x.mp4' names more than one video: write its path",
      "row without video\trow 1: 'none.mp4'",
      "second row\trow 3: 'set 1' after row 2",
    ]);
  });
});
