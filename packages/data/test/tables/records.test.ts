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
    ['C#, .NET', ['C#', '.NET']],
    ['F# C#', ['F#', 'C#']],
    ['编程#C', ['编程', 'C']],
    ["['猫', '宠物']", ['猫', '宠物']],
    ['["猫", "宠物 店"]', ['猫', '宠物 店']],
    ["['猫', nan, 'None', '']", ['猫']],
    ["array(['猫', '宠物'], dtype=object)", ['猫', '宠物']],
    ['[猫, 宠物 店]', ['猫', '宠物 店']],
    ['[热门]', ['[热门]']],
    ['[]', []],
    ['nan', []],
    ['猫|NULL', ['猫']],
  ])('has its tags apart: %s', (tags, expected) => {
    expect(parse({ file: 'a', tags }).tags).toEqual(expected);
  });

  it.each([{ 猫: 1 }, "{'猫': 1, '狗': 2}"])('has no tags where a record stands for them: %j', (tags) => {
    expect(() => parse({ file: 'a', tags })).toThrow('t: row 2: tags: expected text, got {"猫":1');
  });

  it.each(['101.0', 101, ' 101 ', ['101.0']])('has a category of a number: %j', (label) => {
    expect(parse({ file: 'a', label }).category).toEqual(['101']);
  });

  it.each([-1, '-1', '-1.0', ['-1']])('has no category below 0: %j', (label) => {
    expect(() => parse({ file: 'a', label })).toThrow(
      'label: expected a category by its name or a number from 0, got -1',
    );
  });

  it('has OCR at times that are text, or missing', () => {
    const ocr = [{ time: '3', text: 'a' }, { time: null, text: 'b' }, { text: 'c' }];
    expect(parse({ file: 'a', ocr }).ocr.map(({ time }) => time)).toEqual([3, 1, 2]);
    expect(parse({ file: 'a', ocr: "[{'text': 'a', 'time': nan}]" }).ocr).toEqual([{ time: 0, text: 'a' }]);
    expect(() => parse({ file: 'a', ocr: [{ time: 'x', text: 'a' }] })).toThrow(
      'expected a number of seconds, got "x"',
    );
  });

  it.each(['nan', 'NaN', 'None', 'NULL', 'null', '<NA>', 'N/A', '[]', '[None]', ''])(
    'has nothing where it says %j',
    (cell) => {
      const row = parse({ file: 'a.mp4', title: cell, ocr: cell, asr: cell, label: cell, tags: cell });
      expect(row).toMatchObject({ title: '', ocr: [], asr: '', category: [], tags: [] });
      expect(
        parseRow(
          { where: 't', cells: { file: 'a', split: cell, group: cell } },
          { video: 'file', split: 'split', group: 'group' },
        ),
      ).toMatchObject({ split: undefined, group: undefined });
    },
  );

  it('has lists as programs write them, and text as people do', () => {
    const ocr = "[{'time': 1, 'text': '好吃'}, {'time': 2.5, 'text': '再来'}]";
    expect(parse({ file: 'a', title: "['一只', '猫']", ocr, label: "['动物', '猫']" })).toMatchObject({
      title: '一只 猫',
      ocr: [
        { time: 1, text: '好吃' },
        { time: 2.5, text: '再来' },
      ],
      category: ['动物', '猫'],
    });
    expect(parse({ file: 'a', ocr: '{"time": 3, "text": "x"}' }).ocr).toEqual([{ time: 3, text: 'x' }]);
    expect(parse({ file: 'a', ocr: '["一", "二"]' }).ocr.map(({ text }) => text)).toEqual(['一', '二']);
    expect(parse({ file: 'a', label: ['动物', '猫'] }).category).toEqual(['动物', '猫']);
    for (const title of ['[2023]', '[转载] 猫', '(完)', '[猫]', 'nan 饼']) {
      expect(parse({ file: 'a', title, ocr: title })).toMatchObject({ title, ocr: [{ time: 0, text: title }] });
    }
  });

  it('has ids without what kept a spreadsheet from making numbers of them', () => {
    expect(parse({ id: '="12345"' }).id).toBe('12345');
    expect(parse({ id: "'12345" }).id).toBe('12345');
    expect(parse({ id: "'n" }).id).toBe("'n");
    expect(() => parse({ id: '1E+17' })).toThrow('got the rounded number 1E+17');
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
    [{ file: 'a', title: 2 ** 63 }, /row 2: title: expected text, got the rounded number 9223372036854776000: write/],
    [{ file: 'a', label: 1e20 }, /label: expected text, got the rounded number 100000000000000000000/],
    [{ file: 'a', tags: [2 ** 60] }, /tags: expected text, got the rounded number/],
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
    const numbers = joinRows([{ ...parse({ file: '12.0' }), where: 'row 0' }], [{ name: 'n/12.mp4' }], {
      root: '/v',
      onProblem: () => undefined,
    });
    expect(numbers.size).toBe(1);
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
