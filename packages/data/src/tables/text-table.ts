import { refuse } from '../files/data-error.js';
import { chooseColumns, type ColumnChoice, type Columns } from './columns.js';
import { parseRow, type TextRecord } from './records.js';
import { readTable, type TableOptions } from './table.js';

export interface TextTableOptions extends Omit<TableOptions, 'kind'> {
  /** Columns that are not recognised by their names. */
  readonly columns?: ColumnChoice;
}

/** The texts and labels of videos, as a table gives them. */
export interface TextTable {
  readonly records: readonly TextRecord[];
  /** The column of each field. */
  readonly columns: Columns;
  /** Columns that hold no field. */
  readonly unused: readonly string[];
  /** The table's format, for people: `separated by commas`. */
  readonly about: string;
}

/**
 * Reads a table of texts and labels (CSV, TSV, JSON lines, a JSON array): rows with the name or id of a video and some
 * of title, ocr, asr, category, tags, split, group.
 *
 * @throws WbdcError when it cannot be read as a whole; a bad row goes to `onBad` and is skipped
 */
export async function readTextTable(
  path: string,
  { columns: choice, ...options }: TextTableOptions,
): Promise<TextTable> {
  const table = await readTable(path, options);
  const columns = chooseColumns(path, table.columns, choice);
  const used = new Set(Object.values(columns));
  const records: TextRecord[] = [];
  for (const row of table.rows) {
    try {
      records.push(parseRow(row, columns));
    } catch (error) {
      refuse(error, options.onBad);
    }
  }
  return { records, columns, unused: table.columns.filter((column) => !used.has(column)), about: table.about };
}
