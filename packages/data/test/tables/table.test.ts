import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chooseColumns, type ColumnChoice } from '../../src/tables/columns.js';
import { readTable } from '../../src/tables/table.js';

const folder = mkdtempSync(join(tmpdir(), 'wbdc-table-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(
  name: string,
  content: string | Uint8Array,
  options: { separator?: string; encoding?: string } = {},
) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const bad: string[] = [];
  const table = await readTable(path, { ...options, onBad: (error) => bad.push(error.message) });
  return { ...table, cells: table.rows.map(({ cells }) => cells), bad };
}

describe('a table', () => {
  it.each([
    ['t.csv', 'file,title\na.mp4,"红烧肉, ""好吃""\n第二行"\n', {}],
    ['t.csv', '\ufefffile;title\r\na.mp4;"红烧肉, ""好吃""\n第二行"\r\n\r\n', {}],
    ['t.tsv', 'file\ttitle\na.mp4\t"红烧肉, ""好吃""\n第二行"', {}],
    ['t.txt', 'file|title\na.mp4|"红烧肉, ""好吃""\n第二行"', {}],
    ['t.csv', 'file:title\na.mp4:"红烧肉, ""好吃""\n第二行"', { separator: ':' }],
    ['t.csv', Buffer.from('\ufefffile\ttitle\na.mp4\t"红烧肉, ""好吃""\n第二行"', 'utf16le'), {}],
    ['t.jsonl', '{"file":"a.mp4","title":"红烧肉, \\"好吃\\"\\n第二行"}\n\n', {}],
    ['t.json', '[{"file":"a.mp4","title":"红烧肉, \\"好吃\\"\\n第二行"}]', {}],
  ])('is read whatever it is written in (%s, %#)', async (name, content, options) => {
    const { columns, cells, bad } = await read(name, content, options);
    expect([columns, cells, bad]).toEqual([
      ['file', 'title'],
      [{ file: 'a.mp4', title: '红烧肉, "好吃"\n第二行' }],
      [],
    ]);
  });

  it('is read in the encoding of a Chinese spreadsheet, when that is said', async () => {
    const bytes = Buffer.concat([
      Buffer.from('file,title\na.mp4,'),
      Buffer.from([0xc3, 0xa8, 0xa3, 0xac]),
      Buffer.from('x\n'),
    ]);
    expect((await read('g.csv', bytes, { encoding: 'gb18030' })).cells).toEqual([{ file: 'a.mp4', title: '猫，x' }]);
    await expect(read('g.csv', bytes)).rejects.toThrow(/expected text in UTF-8, got other bytes: .*such as gb18030/);
    await expect(read('g.csv', bytes, { encoding: 'klingon' })).rejects.toThrow(/encoding: expected a name such as/);
  });

  it('loses nothing to a quote that is never closed', async () => {
    await expect(read('q.csv', 'file,title\na.mp4,x\nb.mp4,"y\nc.mp4,z\n')).rejects.toThrow(
      /q\.csv: row 3: expected a quote to be closed, got the end of the file: is there a stray " in "y\\nc/,
    );
    expect((await read('q.csv', 'file,title\na.mp4,5" screen\n')).cells).toEqual([
      { file: 'a.mp4', title: '5" screen' },
    ]);
  });

  it('tells a row that two stray quotes have made of several', async () => {
    const text = 'file\ttitle\na.mp4\t"大屏 27寸\nb.mp4\t狗\nc.mp4\t"小屏"\nd.mp4\t猫\n';
    const { cells, bad } = await read('q.tsv', text);
    expect(cells).toEqual([{ file: 'd.mp4', title: '猫' }]);
    expect(bad).toEqual([
      expect.stringMatching(/row 2: expected a quote to be closed at the end of its cell, got text behind/),
    ]);
  });

  it.each([';', ','])('takes the separator that its first line names for Excel: %s', async (sign) => {
    const { cells, bad } = await read('e.csv', `sep=${sign}\r\nfile${sign}title\r\na.mp4${sign}猫\r\nb.mp4\r\n`);
    expect(cells).toEqual([{ file: 'a.mp4', title: '猫' }]);
    expect(bad).toEqual([expect.stringContaining('row 4: expected 2 cells as in the first row, got 1')]);
  });

  it('takes the numbers that Python writes into JSON for missing values', async () => {
    const lines = '{"id": "NaN \\" NaN", "asr": NaN, "n": [-Infinity, Infinity]}';
    const cells = [{ id: 'NaN " NaN', asr: null, n: [null, null] }];
    expect(await read('n.jsonl', `${lines}\n`)).toMatchObject({ cells, bad: [] });
    expect(await read('n.json', `[${lines}]`)).toMatchObject({ cells, bad: [] });
  });

  it('is not read with a separator that is none', async () => {
    await expect(read('s.csv', 'a,b\n', { separator: '::' })).rejects.toThrow('separator: expected one character');
  });

  it('skips rows of another length and says which', async () => {
    const { cells, bad } = await read('n.csv', 'file,title\na.mp4,x,y\nb.mp4\nc.mp4,z,\n');
    expect(cells).toEqual([{ file: 'c.mp4', title: 'z' }]);
    expect(bad).toEqual([
      expect.stringMatching(/row 2: expected 2 cells as in the first row, got 3: put text with commas into quotes/),
      expect.stringMatching(/row 3: expected 2 cells as in the first row, got 1/),
    ]);
  });

  it('skips broken JSON and what is no object', async () => {
    const { cells, bad } = await read('b.jsonl', '{"id":"1"}\n{"id":\n[1]\n');
    expect([cells, bad]).toEqual([
      [{ id: '1' }],
      [
        expect.stringMatching(/line 2: expected valid JSON/),
        expect.stringMatching(/line 3: expected a JSON object, got \[1\]/),
      ],
    ]);
  });

  it.each([
    ['', /expected the names of the columns in the first row, got none/],
    ['a,b,a\n1,2,3\n', /expected every column once, got 'a' twice/],
  ])('is refused as a whole: %j', async (content, message) => {
    await expect(read('x.csv', content)).rejects.toThrow(message);
  });

  it('must be there', async () => {
    await expect(readTable(join(folder, 'none.csv'), { onBad: () => undefined })).rejects.toThrow('found none');
    await expect(readTable(join(folder, 'none'), { onBad: () => undefined })).rejects.toThrow('found none');
  });
});

describe('columns', () => {
  const choose = (columns: string[], choice: ColumnChoice = {}) => chooseColumns('t.csv', columns, choice);

  it('are found by their names in two languages', () => {
    expect(choose(['文件名', '标题', '一级类目', '二级类目', '标签', '播放量'])).toEqual({
      video: '文件名',
      title: '标题',
      category: '一级类目',
      subcategory: '二级类目',
      tags: '标签',
    });
    expect(choose(['Video_ID', 'Caption', 'ASR text', 'label', 'Hash-Tags', 'ocr', 'split', 'author'])).toEqual({
      id: 'Video_ID',
      title: 'Caption',
      asr: 'ASR text',
      category: 'label',
      tags: 'Hash-Tags',
      ocr: 'ocr',
      split: 'split',
      group: 'author',
    });
  });

  it('are those that are asked for, and none where that is asked for', () => {
    expect(choose(['file', 'title', 'name'], { title: 'name' })).toEqual({ video: 'file', title: 'name' });
    expect(choose(['file', 'title'], { title: null })).toEqual({ video: 'file' });
  });

  it.each<[string[], ColumnChoice, RegExp]>([
    [['file', 'titles'], { title: 'title' }, /expected the column 'title' .*did you mean 'titles'\?/],
    [['a', 'b'], {}, /expected a column that names the videos, such as 'video' or 'id', got the columns 'a', 'b'/],
  ])('are refused (%#)', (columns, choice, message) => {
    expect(() => choose(columns, choice)).toThrow(message);
  });
});

it.each([
  ['t.xlsx', Buffer.from('504b030414000600', 'hex')],
  ['t.csv', Buffer.from('504b030414000600', 'hex')],
  ['t.xls', Buffer.from('d0cf11e0a1b11ae1', 'hex')],
])('a workbook is told from a text of another encoding, whatever it is called: %s', async (name, start) => {
  const bytes = Buffer.concat([start, Buffer.alloc(500, 0xe7)]);
  await expect(read(name, bytes)).rejects.toThrow(
    /t\.\w+: expected a table as text, got a workbook \(Excel, Numbers\): save it as CSV in UTF-8$/,
  );
});
