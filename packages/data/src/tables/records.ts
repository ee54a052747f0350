import { DataError } from '../files/data-error.js';
import type { OcrLine } from '../wbdc/annotations.js';
import type { Columns, TextField } from './columns.js';
import { parseLiteral } from './literal.js';
import { isMissing } from './missing.js';
import type { TableRow } from './table.js';

/** A row of a table of texts: what it says of its video. */
export interface TextRecord {
  /** As an error names the row. */
  readonly where: string;
  /** The file or folder, as the table names it. */
  readonly video: string | undefined;
  /** The table's own id. */
  readonly id: string | undefined;
  readonly title: string;
  readonly ocr: readonly OcrLine[];
  readonly asr: string;
  /** Level 1, level 2; empty where there is no label. */
  readonly category: readonly string[];
  readonly tags: readonly string[];
  readonly split: string | undefined;
  readonly group: string | undefined;
}

/** The texts and labels of a video. */
export type VideoText = Omit<TextRecord, 'where'>;

/** Of a video without a row. */
export const NO_TEXT: VideoText = {
  video: undefined,
  id: undefined,
  title: '',
  ocr: [],
  asr: '',
  category: [],
  tags: [],
  split: undefined,
  group: undefined,
};

/**
 * The fields of a row.
 *
 * @throws DataError when a cell does not hold what its field needs
 */
export function parseRow({ where, cells }: TableRow, columns: Columns): TextRecord {
  const cell = (field: TextField): Cell => ({
    where: `${where}: ${columns[field] ?? field}`,
    value: columns[field] === undefined ? undefined : cells[columns[field]],
  });
  const video = videoName(cell('video'));
  const id = videoName(cell('id'));
  if (video === undefined && id === undefined) throw new DataError(`${where}: expected the name of a video, got none`);
  return {
    where,
    video,
    id,
    title: textOf(cell('title')),
    ocr: ocrOf(cell('ocr')),
    asr: textOf(cell('asr')),
    category: categoryOf(levelsOf(cell('category')), levelsOf(cell('subcategory'))),
    tags: tagsOf(cell('tags')),
    split: textOf(cell('split')) || undefined,
    group: textOf(cell('group')) || undefined,
  };
}

/** A cell of a table. */
export interface Cell {
  readonly where: string;
  readonly value: unknown;
}

/**
 * A name or id, without what keeps a spreadsheet from reading it as a number (`="123"`, `'123`); nothing where the cell
 * is empty.
 *
 * @throws DataError where a spreadsheet or a JSON number has rounded it
 */
export function videoName({ where, value }: Cell): string | undefined {
  const rounded =
    typeof value === 'number'
      ? Number.isInteger(value) && !Number.isSafeInteger(value)
      : typeof value === 'string' && /^\d([.,]\d+)?E\+\d+$/i.test(value.trim());
  if (rounded) {
    throw new DataError(
      `${where}: expected an id, got the rounded number ${String(value)}: ` +
        'write ids of more than 15 digits as text, in quotes',
    );
  }
  const name = plainText({ where, value }).replace(/^'(?=\d+$)/, '');
  return name || undefined;
}

/** Text; nothing where the cell says that there is none, and the texts of a list one after another. */
function textOf(cell: Cell): string {
  const text = plainText(unpacked(cell, isTexts));
  return isMissing(text) ? '' : text;
}

function plainText({ where, value }: Cell): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value.trim().replace(/^="(.*)"$/s, '$1');
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new DataError({
      where,
      expected: 'text',
      got: `the rounded number ${value}`,
      advice: 'write numbers of more than 15 digits as text, in quotes',
    });
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value))
    return value
      .map((entry) => textOf({ where, value: entry }))
      .filter(Boolean)
      .join(' ');
  throw new DataError(`${where}: expected text, got ${JSON.stringify(value).slice(0, 60)}`);
}

/** A cell whose text is a list or record as a program writes it holds that, where `fits` says so. */
function unpacked(cell: Cell, fits: (value: unknown) => boolean): Cell {
  const literal = typeof cell.value === 'string' ? parseLiteral(cell.value.trim()) : undefined;
  return literal !== undefined && fits(literal) ? { ...cell, value: literal } : cell;
}

/** `[2023]` is a title, `['猫']` a list of texts. */
function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => entry === null || typeof entry === 'string');
}

/** The levels of a category that stand in one cell, with `/` between. */
function levelsOf(cell: Cell): string {
  const { where, value } = unpacked(cell, isTexts);
  const levels: unknown[] = Array.isArray(value) ? value : [value];
  const names = levels.map((level) => textOf({ where, value: level }).replace(/^(-?\d+)\.0+$/, '$1')); // pandas' floats
  const negative = names.find((name) => /^-\d+$/.test(name));
  if (negative === undefined) return names.filter(Boolean).join('/');
  throw new DataError({
    where,
    expected: 'a category by its name or a number from 0',
    got: negative,
    advice: 'leave the cell empty where there is none',
  });
}

function isOcr(value: unknown): boolean {
  return isLine(value) || (Array.isArray(value) && value.every((entry) => isTexts([entry]) || isLine(entry)));
}

function isLine(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'text' in value;
}

/** OCR lines with their times in seconds: a list of `{time, text}`, or texts (a list, or lines) numbered in order. */
function ocrOf(cell: Cell): OcrLine[] {
  const { where, value } = unpacked(cell, isOcr);
  const entries: unknown[] = Array.isArray(value) ? value : isLine(value) ? [value] : textOf(cell).split(/\r?\n/);
  const lines = entries.map((entry, i): OcrLine => {
    if (typeof entry !== 'object' || entry === null) return { time: i, text: textOf({ where, value: entry }) };
    const { time: said, text } = entry as { time?: unknown; text?: unknown };
    const isText = typeof said === 'string' && said.trim() !== '';
    const time = isText ? Number(said) : (said ?? i);
    if (typeof time !== 'number' || !Number.isFinite(time)) {
      throw new DataError(
        `${where}[${i}].time: expected a number of seconds, got ${JSON.stringify(said).slice(0, 60)}`,
      );
    }
    return { time, text: textOf({ where: `${where}[${i}].text`, value: text }) };
  });
  return lines.filter(({ text }) => text !== '');
}

/** `a`, `a/b`, `a > b`, or two columns; what follows the second level belongs to it. */
export function categoryOf(first: string, second = ''): string[] {
  if (second !== '') return [first, second].filter(Boolean);
  const [level1, ...rest] = first.split(/\s*[/>\\]\s*/).filter(Boolean);
  if (level1 === undefined) return [];
  return rest.length === 0 ? [level1] : [level1, rest.join('/')];
}

/** A list, or text with any of `| ; , # 、 ，  ；` between tags; blanks where there is none of these. */
function tagsOf(cell: Cell): string[] {
  const { where, value } = unpacked(cell, (literal) => typeof literal === 'object');
  if (Array.isArray(value)) return unique(value.map((entry) => textOf({ where, value: entry })));
  const text = textOf({ where, value }).replace(/^\[([^[\]]*[,，、;；][^[\]]*)\]$/s, '$1'); // a list without quotes
  const separators = text.startsWith('#') ? HASH_TAGS : TAGS;
  return unique(text.split(separators.test(text) ? separators : /\s/));
}

const HASH_TAGS = /[|;,#、，；\n]/;
/** Of a cell that does not begin with `#`: C# and F# are tags, not hashes. */
const TAGS = /[|;,、，；\n]|(?<![A-Za-z])#|#(?=[^\s|;,、，；])/;

function unique(tags: readonly string[]): string[] {
  const plain = tags.map((tag) => tag.replaceAll(/\s+/g, ' ').trim());
  return [...new Set(plain.filter((tag) => !isMissing(tag)))];
}
