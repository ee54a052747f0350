import { stat } from 'node:fs/promises';
import { writeFileAtomic } from '@wbdc/io';
import { IdTable, type IdIndex, type SharedTable } from '@wbdc/io/tables';
import { DataError } from '../files/data-error.js';
import { readLines, type Line } from '../files/lines.js';

/** Where a record's payload lies. */
export interface RecordPosition {
  /** Index of its file. */
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

type Column = keyof RecordPosition;

const COLUMNS = { file: Uint16Array, offset: Float64Array, length: Uint32Array } as const;

/** An index in memory that threads share. */
export type SharedIndex = SharedTable<Column>;

/** Where the record of every id lies in some TFRecord files: about 60 bytes a record. */
export class RecordIndex {
  constructor(private readonly table: IdTable<Column> = IdTable.create(COLUMNS)) {}

  /** What another thread has shared. */
  static of(shared: SharedIndex): RecordIndex {
    return new RecordIndex(IdTable.of(shared));
  }

  share(): SharedIndex {
    return this.table.share();
  }

  get ids(): IdIndex {
    return this.table.ids;
  }

  /** Notes a record; false where its id has another position already. The same one again is fine. */
  add(id: string, position: RecordPosition): boolean {
    if (this.table.add(id, position)) return true;
    const known = this.get(id)!;
    return known.file === position.file && known.offset === position.offset;
  }

  get(id: string): RecordPosition | undefined {
    const i = this.ids.get(id);
    if (i < 0) return undefined;
    return { file: this.table.at('file', i), offset: this.table.at('offset', i), length: this.table.at('length', i) };
  }
}

/** A file as an index remembers it: after a change of its size the positions are wrong. */
interface IndexedFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Writes an index as text: a line of JSON with the files and the width of their frames, then
 * `id<TAB>file<TAB>offset<TAB>length`.
 */
export async function saveRecordIndex(
  path: string,
  index: RecordIndex,
  { paths, width }: { readonly paths: readonly string[]; readonly width: number },
): Promise<void> {
  const files = await Promise.all(paths.map(async (name) => ({ path: name, bytes: (await stat(name)).size })));
  await writeFileAtomic(path, linesOf(index, `${JSON.stringify({ width, files })}\n`));
}

function* linesOf(index: RecordIndex, head: string): Generator<string> {
  yield head;
  for (const id of index.ids) {
    const { file, offset, length } = index.get(id)!;
    yield `${id}\t${file}\t${offset}\t${length}\n`;
  }
}

/** @throws DataError when it is no index, or a file has changed since */
export async function loadRecordIndex(
  path: string,
): Promise<{ readonly index: RecordIndex; readonly paths: string[]; readonly width: number }> {
  const index = new RecordIndex();
  let head: { readonly width: number; readonly files: readonly IndexedFile[] } | undefined;
  for await (const line of readLines(path)) {
    if (head) addLine(index, line, head.files, path);
    else head = parseHead(line.text, path);
  }
  if (!head) throw new DataError(`${path}: expected an index of records, got an empty file: make it again`);
  for (const { path: name, bytes } of head.files) {
    const { size } = await stat(name).catch((cause: unknown) => {
      throw new DataError(`${path}: expected the file ${name} that it was made of, found none: make the index again`, {
        cause,
      });
    });
    if (size !== bytes)
      throw new DataError(
        `${name}: expected ${bytes} bytes as when it was indexed, got ${size}: make the index ${path} again`,
      );
  }
  return { index, paths: head.files.map((file) => file.path), width: head.width };
}

function parseHead(text: string, path: string): { width: number; files: IndexedFile[] } {
  try {
    const { width, files } = JSON.parse(text) as { width: unknown; files: unknown };
    const valid = (file: IndexedFile): boolean => typeof file.path === 'string' && Number.isSafeInteger(file.bytes);
    if (Number.isSafeInteger(width) && Array.isArray(files) && files.every(valid))
      return { width: width as number, files };
  } catch {
    // The same message as for JSON of another kind.
  }
  throw new DataError(`${path}: expected an index of records, got ${JSON.stringify(text.slice(0, 80))}: make it again`);
}

function addLine(index: RecordIndex, { number, text }: Line, files: readonly unknown[], path: string): void {
  const [id, ...numbers] = text.split('\t');
  const [file, offset, length] = numbers.map(Number);
  const valid =
    numbers.length === 3 && [file, offset, length].every((value) => Number.isSafeInteger(value) && value >= 0);
  if (valid && file < files.length && index.add(id, { file, offset, length })) return;
  throw new DataError(
    `${path}: line ${number}: expected id, file, offset and length, got ${JSON.stringify(text.slice(0, 80))}: ` +
      'make the index again',
  );
}
