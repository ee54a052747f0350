import { basename, resolve } from 'node:path';
import {
  categoryOf,
  joinRows,
  NO_TEXT,
  readTextTable,
  type ColumnChoice,
  type TextRecord,
  type TextTable,
  type VideoText,
} from '@wbdc/data';
import { withoutEnding } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';
import type { FoundVideo } from '@wbdc/video-features';
import type { Observer } from '../observer.js';
import type { Warnings } from './warnings.js';

/** Where the texts and labels of videos come from. */
export interface TextSources {
  /** The folder of the videos. */
  readonly folder: string;
  /** CSV, TSV, JSON lines or a JSON array; without it videos have no texts and no labels. */
  readonly table?: string | undefined;
  /** Columns of the table that are not recognised by their names. */
  readonly columns?: ColumnChoice | undefined;
  /** Between the cells of the table; detected by default. */
  readonly separator?: string | undefined;
  /** Of the table, such as gb18030; UTF-8 by default. */
  readonly encoding?: string | undefined;
  /** Videos without a title get the name of their file. */
  readonly titleFromName?: boolean;
  /** Videos without a category get that of their folder: `a/b/video.mp4` is `a/b`. */
  readonly categoryFromFolder?: boolean;
  readonly observer?: Observer | undefined;
}

/** The text and labels of every video: from its row, else from the names of file and folder where that is asked for. */
export async function readTexts(
  sources: readonly FoundVideo[],
  options: TextSources,
  warnings: Warnings,
): Promise<Map<FoundVideo, VideoText>> {
  const rows = options.table === undefined ? [] : await readRows(options.table, options, warnings);
  const joined = joinRows(rows, sources, { root: resolve(options.folder), onProblem: warnings.add });
  if (rows.length > 0 && joined.size === 0) {
    const [row] = rows;
    throw new WbdcError({
      where: options.table!,
      expected: `rows that name videos of ${options.folder}`,
      got: `none: rows name '${row.video ?? row.id}', the folder has '${sources[0].name}'`,
      advice: 'choose the column that has the names',
      code: 'rows-unmatched',
    });
  }
  return new Map(
    sources.map((source) => {
      const row = joined.get(source);
      if (!row && options.table !== undefined) warnings.add('video without row', source.name);
      return [source, withNames(source, row ?? NO_TEXT, options)];
    }),
  );
}

/** What the names of files and folders say where the table says nothing. */
function withNames(
  { name }: FoundVideo,
  text: VideoText,
  { titleFromName, categoryFromFolder }: TextSources,
): VideoText {
  const folders = name.split('/').slice(0, -1);
  return {
    ...text,
    ...(titleFromName && text.title === '' && { title: titleOfName(name) }),
    ...(categoryFromFolder && text.category.length === 0 && { category: categoryOf(folders.join('/')) }),
  };
}

async function readRows(
  path: string,
  { columns, separator, encoding, observer }: TextSources,
  warnings: Warnings,
): Promise<readonly TextRecord[]> {
  const table = await readTextTable(path, {
    onBad: ({ message }) => warnings.add('bad row', message),
    ...(columns !== undefined && { columns }),
    ...(separator !== undefined && { separator }),
    ...(encoding !== undefined && { encoding }),
  });
  observer?.onMessage?.(`texts    ${path}, ${table.about}: ${describeColumns(table)}`);
  return table.records;
}

function describeColumns({ columns, unused }: TextTable): string {
  const used = Object.entries(columns).map(([field, column]) => (field === column ? field : `${field} = '${column}'`));
  return `${used.join(', ')}${unused.length > 0 ? `; not used: ${unused.join(', ')}` : ''}`;
}

/** A video's name as its title: without the folders above it and the ending. */
export function titleOfName(path: string): string {
  return withoutEnding(basename(path));
}
