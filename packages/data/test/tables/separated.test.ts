import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSeparated } from '../../src/tables/separated.js';
import { fixture } from '../folder.js';

interface Case {
  readonly text: string;
  readonly separator: string;
  readonly rows: string[][];
}
const cases = JSON.parse(readFileSync(fixture('separated.json'), 'utf8')) as Case[];
const cellsOf = (text: string, separator = ','): readonly (readonly string[])[] =>
  parseSeparated(text, separator).rows.map(({ cells }) => cells);

describe('text with separators', () => {
  it("is read as Python's csv reads it", () => {
    expect(cases.length).toBeGreaterThan(300);
    for (const { text, separator, rows } of cases)
      expect({ text, rows: cellsOf(text, separator) }).toEqual({ text, rows });
  });

  it('keeps all of a cell that begins with a quoted word', () => {
    const text = 'a.mp4\t"猫咪"的第一次洗澡\t猫\n';
    expect(cellsOf(text, '\t')).toEqual([['a.mp4', '猫咪的第一次洗澡', '猫']]);
  });

  it('says where quotes have swallowed what follows', () => {
    expect(parseSeparated('a,"b\nc', ',').open).toBe(true);
    expect(parseSeparated('a,"b\nc"\n', ',')).toMatchObject({ open: false, rows: [{ torn: false }] });
    const { rows } = parseSeparated('x,y\na,"27寸\nb,"小屏"\nc,d\n', ',');
    expect(rows.map(({ torn }) => torn)).toEqual([false, true, false]);
  });

  it('takes signs of patterns for what they are', () => {
    for (const sign of ['^', ']', '\\', '-', '.', '*'])
      expect(cellsOf(`a${sign}"b"c\nd`, sign)).toEqual([['a', 'bc'], ['d']]);
    expect(() => parseSeparated('a', '::')).toThrow("expected a separator of one character, got '::'");
  });

  it('takes a time in proportion to the text', () => {
    const cell = '"猫""咪"'.repeat(200_000);
    const start = performance.now();
    expect(cellsOf(`${cell},${'a,'.repeat(300_000)}`)[0]).toHaveLength(300_002);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});
