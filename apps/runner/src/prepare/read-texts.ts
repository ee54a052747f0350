import { basename, resolve } from 'node:path';
import { DataError } from '@wbdc/data';
import { UserError } from '../errors.js';
import { chooseColumns, type Columns } from './columns.js';
import { joinRows } from './join.js';
import type { PrepareOptions } from './prepare.js';
import type { Source } from './scan.js';
import { readTable } from './table.js';
import { categoryOf, NO_TEXT, parseRow, type TextRecord } from './texts.js';
import type { Warnings } from './warnings.js';

type TextOptions = Pick<
  PrepareOptions,
  'videos' | 'texts' | 'columns' | 'separator' | 'encoding' | 'titleFromName' | 'categoryFromFolder' | 'say'
>;

/** The text and labels of every video: from its row, else from the names of file and folder where that is asked for. */
export async function readTexts(
  sources: readonly Source[],
  options: TextOptions,
  warnings: Warnings,
): Promise<Map<Source, Omit<TextRecord, 'where'>>> {
  const rows = options.texts === undefined ? [] : await readRows(options, warnings);
  const joined = joinRows(rows, sources, { root: resolve(options.videos), warnings });
  if (rows.length > 0 && joined.size === 0) {
    throw new UserError(
      `${options.texts}: expected rows that name videos of ${options.videos}, got none: rows name '${rows[0].video ?? rows[0].id}', the folder has '${sources[0].name}': say which column has the names with --column video=<name>`,
    );
  }
  return new Map(
    sources.map((source) => {
      const row = joined.get(source);
      if (!row && options.texts !== undefined) warnings.add('video without row', source.name);
      return [source, withNames(source, row ?? NO_TEXT, options)];
    }),
  );
}

/** What the names of files and folders say where the table says nothing. */
function withNames(
  { name }: Source,
  text: Omit<TextRecord, 'where'>,
  { titleFromName, categoryFromFolder }: TextOptions,
): Omit<TextRecord, 'where'> {
  const folders = name.split('/').slice(0, -1);
  return {
    ...text,
    ...(titleFromName && text.title === '' && { title: basename(name).replace(/\.[^.]{1,5}$/, '') }),
    ...(categoryFromFolder && text.category.length === 0 && { category: categoryOf(folders.join('/')) }),
  };
}

async function readRows(
  { texts, columns: asked, separator, encoding, say }: TextOptions,
  warnings: Warnings,
): Promise<TextRecord[]> {
  const onBad = (error: DataError): void => warnings.add('bad row', error.message);
  const table = await readTable(texts!, {
    onBad,
    ...(separator !== undefined && { separator }),
    ...(encoding !== undefined && { encoding }),
  });
  const columns = chooseColumns(texts!, table.columns, asked);
  sayColumns(texts!, table.about, columns, table.columns, say);
  return table.rows.flatMap((row) => {
    try {
      return [parseRow(row, columns)];
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      onBad(error);
      return [];
    }
  });
}

function sayColumns(
  path: string,
  about: string,
  chosen: Columns,
  all: readonly string[],
  say: (line: string) => void,
): void {
  const found = Object.entries(chosen).map(([field, column]) => (field === column ? field : `${field} = '${column}'`));
  const used = new Set(Object.values(chosen));
  const unused = all.filter((column) => !used.has(column));
  say(`texts    ${path}, ${about}: ${found.join(', ')}${unused.length > 0 ? `; not used: ${unused.join(', ')}` : ''}`);
}
