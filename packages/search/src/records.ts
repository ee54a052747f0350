import type { Table } from '@lancedb/lancedb';
import { idsCondition } from './filter.js';
import { assertId, columnOf, ownModel, unitVector, type IndexedVideo, type IndexModel, type IndexRow } from './rows.js';
import { SearchError } from './errors.js';
import { wordsOfText } from './words.js';

/** A row as the table has it. */
export type TableRecord = Record<string, unknown> & { readonly id: string };

/** What is told of a video: neither its vectors nor its picture. */
export const TOLD = ['id', 'path', 'title', 'ocr', 'asr', 'categories', 'tags', 'time'];

/** A row for the table: what it gives, over what was there before. */
export function recordOf(row: IndexRow, before: TableRecord | undefined, models: readonly IndexModel[]): TableRecord {
  assertId(row.id);
  const { vectors = [], ...given } = row;
  const record: TableRecord = { ...emptyRecord(row.id, models), ...before };
  for (const name of ['path', 'title', 'ocr', 'asr'] as const)
    if (given[name] !== undefined) record[name] = text(row, name);
  for (const name of ['categories', 'tags'] as const) if (given[name] !== undefined) record[name] = texts(row, name);
  if (given.time !== undefined) record['time'] = timeOf(given.time, row.id);
  if (given.thumbnail !== undefined) record['thumbnail'] = given.thumbnail;
  for (const vector of vectors) {
    const model = ownModel(models, vector, row.id);
    record[columnOf(model)] = unitVector(vector, model, row.id);
  }
  record['words'] = wordsOfText([record['title'], record['ocr'], record['asr']].join('\n'));
  return record;
}

function emptyRecord(id: string, models: readonly IndexModel[]): TableRecord {
  const texts = { path: '', title: '', ocr: '', asr: '', words: '', categories: [], tags: [] };
  return { id, ...texts, time: null, thumbnail: null, ...Object.fromEntries(models.map((m) => [columnOf(m), null])) };
}

function text(row: IndexRow, name: 'path' | 'title' | 'ocr' | 'asr'): string {
  return wellFormed(row[name], `${row.id}: ${name}`);
}

function texts(row: IndexRow, name: 'categories' | 'tags'): string[] {
  const values: unknown = row[name];
  if (!Array.isArray(values)) return fail(`${row.id}: ${name}`, 'a list of texts', typeof values);
  return [...new Set(values.map((value) => wellFormed(value, `${row.id}: ${name}`)))];
}

/** Text that UTF-8 can hold. */
function wellFormed(value: unknown, where: string): string {
  if (typeof value !== 'string') return fail(where, 'text', typeof value);
  return value.replaceAll(/\p{Cs}/gu, '\ufffd').replaceAll('\0', '');
}

function timeOf(time: Date, id: string): Date {
  return Number.isNaN(time.getTime()) ? fail(`${id}: time`, 'a time', 'no date') : time;
}

function fail(where: string, expected: string, got: string): never {
  throw new SearchError({ where, expected, got, code: 'row' });
}

/** The rows of the table with these ids, by them. */
export async function readRecords(
  table: Table,
  ids: readonly string[],
  columns: readonly string[],
): Promise<Map<string, TableRecord>> {
  const found = new Map<string, TableRecord>();
  if (ids.length === 0) return found;
  const rows: unknown[] = await table
    .query()
    .where(idsCondition(ids))
    .select([...columns])
    .toArray();
  for (const row of rows) {
    const record = plainRecord(row as Record<string, unknown>, columns);
    found.set(record.id, record);
  }
  return found;
}

/** The vectors of a column with their ids, batch by batch. */
export async function* readVectors(
  table: Table,
  column: string,
): AsyncGenerator<{ readonly id: string; readonly values: Float32Array }> {
  for await (const batch of table.query().where(`${column} IS NOT NULL`).select(['id', column])) {
    const [ids, vectors] = [batch.getChild('id'), batch.getChild(column)];
    for (let i = 0; i < batch.numRows; i++) {
      yield { id: String(ids?.get(i)), values: Float32Array.from(vectors?.get(i) as ArrayLike<number>) };
    }
  }
}

/** Arrow's values as JavaScript's own, which outlast the buffers they are views of. */
function plainRecord(row: Readonly<Record<string, unknown>>, columns: readonly string[]): TableRecord {
  const entries = columns.map((name): [string, unknown] => [name, plain(row[name], name)]);
  return { id: String(row['id']), ...Object.fromEntries(entries) };
}

function plain(value: unknown, name: string): unknown {
  if (value === null || value === undefined) return null;
  if (name === 'time') return new Date(Number(value));
  if (value instanceof Uint8Array) return value.slice();
  if (typeof value === 'object' && 'toArray' in value && typeof value.toArray === 'function') {
    const array: unknown = value.toArray();
    return array instanceof Float32Array ? array.slice() : Array.from(array as Iterable<unknown>);
  }
  return value;
}

/** What an index tells of a video, out of its record. */
export function videoOf(record: TableRecord): IndexedVideo {
  const text = (name: string): string => String(record[name] ?? '');
  const texts = (name: string): string[] => (Array.isArray(record[name]) ? record[name].map(String) : []);
  const { time } = record;
  return {
    id: record.id,
    ...{ path: text('path'), title: text('title'), ocr: text('ocr'), asr: text('asr') },
    ...{ categories: texts('categories'), tags: texts('tags') },
    time: time instanceof Date ? time : undefined,
  };
}
