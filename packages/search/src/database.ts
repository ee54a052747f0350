import { mkdir, readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists, isMissing } from '@wbdc/io';
import type { Connection, Table } from '@lancedb/lancedb';
import { databaseError, SearchError } from './errors.js';
import { modelOfColumn, type IndexModel } from './rows.js';

type Lance = typeof import('@lancedb/lancedb');

/** How an index is reached. */
export interface PlaceOptions {
  /** Makes an index where there is none. */
  readonly create?: boolean;
  /** For addresses of object stores, as LanceDB has them: `awsAccessKeyId`, `region`, `endpoint`. */
  readonly storage?: Readonly<Record<string, string>>;
}

/** A table that is open. */
export interface OpenTable {
  readonly lance: Lance;
  readonly connection: Connection;
  readonly table: Table;
  /** A folder, or an address. */
  readonly where: string;
}

const TABLE = 'videos';

/** Columns every index has, beside those of its models' vectors. */
export const COLUMNS = [
  'id',
  'path',
  'title',
  'ocr',
  'asr',
  'words',
  'categories',
  'tags',
  'time',
  'thumbnail',
] as const;

/**
 * Threads that the database computes with, at least. By itself it takes two fewer than there are cores; with one it
 * waits for itself for ever once the index of words is larger than what is written at once (lancedb/lancedb#3568).
 */
const LEAST_THREADS = 4;

/** @throws SearchError `lancedb-missing` */
async function loadLance(): Promise<Lance> {
  process.env['LANCE_CPU_THREADS'] ??= String(Math.max(LEAST_THREADS, availableParallelism() - 2));
  // Read by the native library when it loads: without it, asking for statistics prints a warning.
  process.env['LANCE_INCLUDE_VECTOR_CENTROIDS'] ??= 'false';
  process.env['LANCE_LOG'] ??= 'error'; // what it warns of, it fails of or gets over
  try {
    return await import('@lancedb/lancedb');
  } catch (cause) {
    throw new SearchError(
      {
        expected: 'the database LanceDB',
        got: (cause instanceof Error ? cause.message : String(cause)).split('\n')[0].slice(0, 200),
        advice: 'npm install @lancedb/lancedb@0.31.0 apache-arrow@18.1.0',
        code: 'lancedb-missing',
      },
      { cause },
    );
  }
}

/** Opens the table of an index. */
export async function openTable(place: string, { create = false, storage }: PlaceOptions): Promise<OpenTable> {
  const where = addressOf(place);
  if (!isRemote(where)) await assertFolder(where, create);
  const lance = await loadLance();
  // What another process has written is there at once.
  const options = { readConsistencyInterval: 0, ...(storage && { storageOptions: { ...storage } }) };
  const connection = await lance.connect(where, options).catch((cause: unknown) => {
    throw databaseError(where, 'reached', cause);
  });
  try {
    const there = await hasTable(connection, where);
    const table = there ? await openExisting(connection, where) : await createNew(connection, where, create);
    return { lance, connection, table, where };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Whether there is a table that has a state. In an object store it is asked for by its name: not everybody who may read
 * there may list, and not every store lists as Amazon's does.
 */
async function hasTable(connection: Connection, where: string): Promise<boolean> {
  const fail = (cause: unknown): never => {
    throw databaseError(where, 'reached', cause);
  };
  if (!isRemote(where)) {
    return (await connection.tableNames().catch(fail)).includes(TABLE) && !(await isHalfMade(where));
  }
  const asked = connection.openTable(TABLE).then((table) => {
    table.close();
    return true;
  });
  return asked.catch((cause: unknown) => {
    const said = cause instanceof Error ? cause.message : String(cause);
    return /was not found/.test(said) ? false : fail(cause);
  });
}

async function openExisting(connection: Connection, where: string): Promise<Table> {
  const open = async () => {
    const table = await connection.openTable(TABLE);
    return { table, names: new Set((await table.schema()).fields.map(({ name }) => name)) };
  };
  const { table, names } = await open().catch((cause: unknown) => {
    throw databaseError(where, 'opened', cause);
  });
  const lacking = COLUMNS.filter((name) => !names.has(name));
  if (lacking.length > 0) throw foreign(where, `a table without ${lacking.join(', ')}`);
  return table;
}

/** Whether a process was killed while it made the table: it has no state yet, and nothing in it. */
async function isHalfMade(where: string): Promise<boolean> {
  if (isRemote(where) || !(await exists(`${where}/${TABLE}.lance`))) return false;
  const filesIn = (name: string): Promise<string[]> => readdir(`${where}/${TABLE}.lance/${name}`).catch(() => []);
  return (await filesIn('_versions')).length === 0 && (await filesIn('data')).length === 0;
}

async function createNew(connection: Connection, where: string, create: boolean): Promise<Table> {
  if (!create) throw missing(where);
  const { Binary, Field, List, Schema, TimestampMillisecond, Utf8 } = await import('apache-arrow');
  const texts = (name: string) => new Field(name, new List(new Field('item', new Utf8(), true)), true);
  const fields = COLUMNS.map((name) => {
    if (name === 'categories' || name === 'tags') return texts(name);
    if (name === 'time') return new Field(name, new TimestampMillisecond(), true);
    return new Field(name, name === 'thumbnail' ? new Binary() : new Utf8(), name !== 'id');
  });
  // Another process may be as fast; what is half made is made anew.
  const options = (await isHalfMade(where))
    ? ({ mode: 'overwrite' } as const)
    : ({ mode: 'create', existOk: true } as const);
  return connection.createEmptyTable(TABLE, new Schema(fields), options).catch((cause: unknown) => {
    throw databaseError(where, 'made', cause);
  });
}

function missing(where: string): SearchError {
  const advice = 'make one by adding videos to it';
  return new SearchError({ where, expected: 'an index of videos', got: 'none', advice, code: 'index-missing' });
}

const STORES = ['s3', 's3+ddb', 'gs', 'az'];

/**
 * A path becomes absolute: the database would take one that starts with `db` for its own cloud.
 * @throws SearchError `index-place`
 */
function addressOf(place: string): string {
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(place)?.[1].toLowerCase();
  if (scheme === undefined) return resolve(place);
  if (scheme === 'file') return fileURLToPath(place);
  if (STORES.includes(scheme)) return place;
  const expected = `a folder, or an address that starts with ${STORES.map((name) => `${name}://`).join(', ')}`;
  throw new SearchError({ expected, got: place.slice(0, 200), code: 'index-place' });
}

export function isRemote(where: string): boolean {
  return where.includes('://');
}

/** A folder of something else is left as it is. */
async function assertFolder(where: string, create: boolean): Promise<void> {
  const status = await stat(where).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  if (status === undefined) {
    if (!create) throw missing(where);
    await mkdir(where, { recursive: true });
    return;
  }
  if (!status.isDirectory()) throw foreign(where, 'a file');
  if (await exists(`${where}/${TABLE}.lance`)) return;
  const there = (await readdir(where)).filter((name) => !name.startsWith('__')); // the database's own
  if (there.length > 0) throw foreign(where, `a folder with ${there.slice(0, 3).join(', ')}`);
  if (!create) throw missing(where);
}

function foreign(where: string, got: string): SearchError {
  return new SearchError({ where, expected: 'an index of videos', got, code: 'index-foreign' });
}

/** The models whose vectors a table holds, as its columns tell. */
export async function modelsOf(table: Table): Promise<IndexModel[]> {
  const { fields } = await table.schema();
  return fields.flatMap(({ name, type }) => {
    const model = modelOfColumn(name);
    const width: unknown = 'listSize' in type ? type.listSize : undefined;
    return model === undefined || typeof width !== 'number' ? [] : [{ ...model, width }];
  });
}
