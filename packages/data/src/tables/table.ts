import { open, readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { WbdcError } from '@wbdc/io/errors';
import { DataError, type OnBad } from '../files/data-error.js';
import { readJsonArray } from '../files/json-array.js';
import { readLines } from '../files/lines.js';
import { parseJson } from './json.js';
import { parseSeparated } from './separated.js';

/**
 * A row of a table: cells by column. Cells of CSV are text, those of JSON any JSON value; NaN and Infinity are null.
 */
export interface TableRow {
  /** As an error names it: `texts.csv: row 3`. */
  readonly where: string;
  readonly cells: Readonly<Record<string, unknown>>;
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly TableRow[];
  /** Its format, for people: `separated by commas`, `JSON lines`. */
  readonly about: string;
}

export interface TableOptions {
  /** What the file is; detected where nothing is given. */
  readonly kind?: 'lines';
  /** Between the cells of a row; detected where nothing is given. */
  readonly separator?: string;
  /** As the WHATWG names it (utf-8, gb18030, utf-16le); detected from a byte order mark, else UTF-8. */
  readonly encoding?: string;
  /** Called with every bad row, which is then skipped. */
  readonly onBad: OnBad;
}

/** A string of JavaScript cannot hold more. */
const MAX_BYTES = 500_000_000;
const SEPARATORS: Readonly<Record<string, string>> = { '\t': 'tabs', ',': 'commas', ';': 'semicolons', '|': 'bars' };

/**
 * Reads a table: CSV or TSV with a line of names at the top, JSON lines, or a JSON array of objects. The name of the
 * file decides which, else its first character.
 *
 * @throws WbdcError when it cannot be read as a whole; a bad row goes to `onBad` and is skipped
 */
export async function readTable(path: string, options: TableOptions): Promise<Table> {
  const kind = options.kind ?? (await kindOf(path));
  if (kind === 'lines') return gather(jsonLines(path, options.onBad), 'JSON lines');
  if (kind === 'array') return gather(jsonArray(path, options.onBad), 'a JSON array');
  return readSeparated(path, await readText(path, options.encoding), options);
}

async function kindOf(path: string): Promise<'lines' | 'array' | 'separated'> {
  const status = await stat(path).catch((cause: unknown) => noTable(path, cause));
  if (status.isDirectory()) throw tableError(path, 'a file with texts', 'a folder', 'check the path');
  const extension = extname(path).toLowerCase();
  if (/^\.(jsonl|ndjson)$/.test(extension)) return 'lines';
  if (/^\.(csv|tsv)$/.test(extension)) return 'separated';
  const first = (await startOf(path)).replace(/^\ufeff/, '').trimStart();
  if (first.startsWith('[')) return 'array';
  return first.startsWith('{') ? 'lines' : 'separated';
}

async function startOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1000), 0, 1000, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function noTable(path: string, cause: unknown): never {
  throw new WbdcError(`${path}: expected a file with texts, found none: check the path`, { cause });
}

async function readText(path: string, encoding: string | undefined): Promise<string> {
  const { size } = await stat(path);
  if (size > MAX_BYTES) {
    const [most, got] = [MAX_BYTES, size].map((bytes) => `${Math.round(bytes / 1e6)} MB`);
    throw tableError(path, `at most ${most}`, got, 'give JSON lines, which are read one by one');
  }
  const bytes = await readFile(path);
  if (isWorkbook(bytes)) {
    throw tableError(path, 'a table as text', 'a workbook (Excel, Numbers)', 'save it as CSV in UTF-8');
  }
  const label = encoding ?? encodingOf(bytes);
  try {
    return new TextDecoder(label, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw cause instanceof RangeError ? unknownEncoding(label, cause) : otherEncoding(path, label, cause);
  }
}

/** Zips, and the format of Excel before 2007, whatever the file is called. */
function isWorkbook(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 8).toString('hex');
  return start.startsWith('504b0304') || start === 'd0cf11e0a1b11ae1';
}

function unknownEncoding(label: string, cause: RangeError): WbdcError {
  const expected = 'a name such as utf-8, gb18030 or utf-16le';
  return new WbdcError({ where: 'encoding', expected, got: `'${label}'`, code: 'encoding-unknown' }, { cause });
}

function otherEncoding(path: string, label: string, cause: unknown): WbdcError {
  return new WbdcError(
    {
      where: path,
      expected: `text in ${label.toUpperCase()}`,
      got: 'other bytes',
      advice: 'save it as UTF-8, or name its encoding, such as gb18030 for a table from a Chinese Excel',
      code: 'table-encoding',
    },
    { cause },
  );
}

function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
}

function readSeparated(path: string, text: string, { separator, onBad }: TableOptions): Table {
  const named = /^sep=(.)\r?\n/.exec(text); // for Excel
  const body = named ? text.slice(named[0].length) : text;
  const sign = separator ?? named?.[1] ?? separatorOf(body);
  assertSeparator(sign);
  const separators = SEPARATORS[sign] ?? `'${sign}'`;
  const { rows: lines, open } = parseSeparated(body, sign);
  const first = named ? 2 : 1;
  if (open) throw unclosed(`${path}: row ${lines.length - 1 + first}`, lines.at(-1)!.cells.at(-1)!);
  const columns = (lines[0]?.cells ?? []).map((name) => name.trim());
  checkColumns(path, columns);
  const rows: TableRow[] = [];
  lines.slice(1).forEach(({ cells, torn }, i) => {
    const where = `${path}: row ${i + 1 + first}`;
    if (cells.every((cell) => cell.trim() === '')) return;
    const more = cells.slice(columns.length).some((cell) => cell.trim() !== '');
    if (torn) onBad(strayQuote(where, cells));
    else if (more || cells.length < columns.length) onBad(otherLength(where, columns.length, cells.length, separators));
    else rows.push({ where, cells: Object.fromEntries(columns.map((name, k) => [name, cells[k]])) });
  });
  return { columns, rows, about: `separated by ${separators}` };
}

function assertSeparator(sign: string): void {
  if (sign.length === 1 && !/["\r\n]/.test(sign)) return;
  const expected = "one character, such as ',' or ';'";
  throw new WbdcError({ where: 'separator', expected, got: `'${sign}'`, code: 'separator-unknown' });
}

function unclosed(where: string, cell: string): WbdcError {
  const start = JSON.stringify(cell.slice(0, 60));
  return tableError(where, 'a quote to be closed', 'the end of the file', `is there a stray " in ${start}?`);
}

function strayQuote(where: string, cells: readonly string[]): DataError {
  const cell = cells.find((text) => /[\r\n]/.test(text)) ?? '';
  return new DataError({
    where,
    expected: 'a quote to be closed at the end of its cell',
    got: 'text behind it, and lines within',
    advice: `is there a stray " in ${JSON.stringify(cell.slice(0, 60))}? What is between the quotes is lost`,
  });
}

function otherLength(where: string, expected: number, got: number, separators: string): DataError {
  return new DataError({
    where,
    expected: `${expected} cells as in the first row`,
    got: `${got}`,
    advice: `put text with ${separators} into quotes`,
  });
}

function checkColumns(path: string, columns: readonly string[]): void {
  const repeated = columns.find((name, i) => name !== '' && columns.indexOf(name) !== i);
  if (columns.every((name) => name === '')) throw tableError(path, 'the names of the columns in the first row', 'none');
  if (repeated !== undefined) throw tableError(path, 'every column once', `'${repeated}' twice`);
}

/** The separator that occurs most often in the first row, outside of quotes. */
function separatorOf(text: string): string {
  const head = text
    .slice(0, 100_000)
    .split(/\r?\n/, 1)[0]
    .replaceAll(/"[^"]*"/g, '');
  const count = (sign: string): number => head.split(sign).length - 1;
  return Object.keys(SEPARATORS).reduce((best, sign) => (count(sign) > count(best) ? sign : best), ',');
}

async function* jsonLines(path: string, onBad: OnBad): AsyncGenerator<TableRow> {
  for await (const { number, text } of readLines(path, 16 << 20)) {
    if (text.trim() !== '') yield* parseObject(`${path}: line ${number}`, text, onBad);
  }
}

async function* jsonArray(path: string, onBad: OnBad): AsyncGenerator<TableRow> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const { index, bytes } of readJsonArray(path)) {
    yield* parseObject(`${path}: record ${index}`, () => decoder.decode(bytes), onBad);
  }
}

function* parseObject(where: string, text: string | (() => string), onBad: OnBad): Generator<TableRow> {
  let value: unknown;
  try {
    value = parseJson(typeof text === 'string' ? text : text());
  } catch (cause) {
    return onBad(new DataError(`${where}: expected valid JSON in UTF-8, got: ${(cause as Error).message}`, { cause }));
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    yield { where, cells: value as Record<string, unknown> };
  } else onBad(new DataError(`${where}: expected a JSON object, got ${JSON.stringify(value).slice(0, 60)}`));
}

async function gather(rows: AsyncIterable<TableRow>, about: string): Promise<Table> {
  const all: TableRow[] = [];
  const columns = new Set<string>();
  for await (const row of rows) {
    all.push(row);
    for (const name of Object.keys(row.cells)) columns.add(name);
  }
  return { columns: [...columns], rows: all, about };
}

function tableError(where: string, expected: string, got: string, advice?: string): WbdcError {
  return new WbdcError({ where, expected, got, ...(advice !== undefined && { advice }) });
}
