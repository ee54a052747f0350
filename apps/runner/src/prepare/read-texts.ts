import { basename, resolve } from 'node:path';
import {
  categoryOf,
  joinRows,
  NO_TEXT,
  readTextTable,
  type TextRecord,
  type TextTable,
  type VideoText,
} from '@wbdc/data';
import { UserError } from '../errors.js';
import type { PrepareOptions } from './prepare.js';
import type { FoundVideo } from '@wbdc/video-features';
import type { Warnings } from './warnings.js';

type TextOptions = Pick<
  PrepareOptions,
  'videos' | 'texts' | 'columns' | 'separator' | 'encoding' | 'titleFromName' | 'categoryFromFolder' | 'say'
>;

/** The text and labels of every video: from its row, else from the names of file and folder where that is asked for. */
export async function readTexts(
  sources: readonly FoundVideo[],
  options: TextOptions,
  warnings: Warnings,
): Promise<Map<FoundVideo, VideoText>> {
  const rows = options.texts === undefined ? [] : await readRows(options, warnings);
  const joined = joinRows(rows, sources, { root: resolve(options.videos), onProblem: warnings.add });
  if (rows.length > 0 && joined.size === 0) {
    throw new UserError(
      `${options.texts}: expected rows that name videos of ${options.videos}, got none: rows name ` +
        `'${rows[0].video ?? rows[0].id}', the folder has '${sources[0].name}': say which column has the names with ` +
        '--column video=<name>',
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
  { name }: FoundVideo,
  text: VideoText,
  { titleFromName, categoryFromFolder }: TextOptions,
): VideoText {
  const folders = name.split('/').slice(0, -1);
  return {
    ...text,
    ...(titleFromName && text.title === '' && { title: basename(name).replace(/\.[^.]{1,5}$/, '') }),
    ...(categoryFromFolder && text.category.length === 0 && { category: categoryOf(folders.join('/')) }),
  };
}

async function readRows(
  { texts, columns, separator, encoding, say }: TextOptions,
  warnings: Warnings,
): Promise<readonly TextRecord[]> {
  const table = await readTextTable(texts!, {
    columns,
    onBad: ({ message }) => warnings.add('bad row', message),
    ...(separator !== undefined && { separator }),
    ...(encoding !== undefined && { encoding }),
  });
  say(`texts    ${texts}, ${table.about}: ${describeColumns(table)}`);
  return table.records;
}

function describeColumns({ columns, unused }: TextTable): string {
  const used = Object.entries(columns).map(([field, column]) => (field === column ? field : `${field} = '${column}'`));
  return `${used.join(', ')}${unused.length > 0 ? `; not used: ${unused.join(', ')}` : ''}`;
}
