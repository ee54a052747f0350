import { chooseColumns, parseRow, readTable, type Video } from '@wbdc/data';
import { columnsOf } from '../commands/columns.js';
import { separatorOf, type TableOptions } from '../commands/options.js';
import { UserError } from '../errors.js';
import { definedOnly } from '../stages/video-set.js';
import { plainName } from './inputs.js';

/** The texts of a video. */
export type Texts = Pick<Video, 'title' | 'ocr' | 'asr'>;

/** Out of plain texts; what is missing is empty. */
export function plainTexts({ title = '', ocr = '', asr = '' }: Readonly<Partial<Record<string, string>>>): Texts {
  return { title, ocr: ocr === '' ? [] : [{ time: 0, text: ocr }], asr };
}

/**
 * Texts by the names of their videos, from a table such as `wbdc prepare` takes: CSV, TSV, JSON lines or WBDC's annotations,
 * with a column that names the videos (id, or video for the name of the file) and some of title, ocr, asr.
 */
export async function readTexts(
  path: string,
  { column, separator, encoding }: TableOptions,
  warn: (line: string) => void,
): Promise<Map<string, Texts>> {
  const own = definedOnly({ separator: separatorOf(separator), encoding });
  const table = await readTable(path, { onBad: (error) => warn(error.message), ...own });
  const columns = chooseColumns(path, table.columns, columnsOf(column));
  const texts = new Map<string, Texts>();
  for (const row of table.rows) {
    const { id, video, title, ocr, asr } = parseRow(row, columns);
    for (const name of new Set([id, video && plainName(video)])) {
      if (name === undefined) continue;
      if (texts.has(name)) throw new UserError(`${row.where}: expected every video once, got '${name}' again`);
      texts.set(name, { title, ocr, asr });
    }
  }
  return texts;
}
