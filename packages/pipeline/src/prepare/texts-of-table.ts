import { joinRows, readTextTable, type TextRecord } from '@wbdc/data';
import { WbdcError } from '@wbdc/io/errors';
import type { AskedVideos } from '@wbdc/video-features';
import { definedOnly } from '../defined.js';
import type { VideoTexts } from '../trained/inputs.js';
import type { TextSources } from './read-texts.js';

/** What a table says of a video. */
export interface TableTexts extends VideoTexts {
  /** From the most general to the most special one; only where the table has such a column. */
  readonly categories?: readonly string[];
  readonly tags?: readonly string[];
}

export interface TextsOfTableOptions extends Pick<TextSources, 'columns' | 'separator' | 'encoding'> {
  /** Told of rows that cannot be read, and of those that two videos claim. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Texts by the ids of their videos, from a table such as {@link prepareVideos} takes: CSV, TSV, JSON lines or WBDC's
 * annotations, with a column that names the videos (id, or video for the path below their folder) and some of title,
 * ocr, asr, category, tags.
 *
 * @throws WbdcError where the table cannot be read, or names none of the videos
 */
export async function textsOfTable(
  path: string,
  { videos, root }: AskedVideos,
  { columns, separator, encoding, onWarning }: TextsOfTableOptions = {},
): Promise<Map<string, TableTexts>> {
  const table = await readTextTable(path, {
    onBad: ({ message }) => onWarning?.(message),
    ...definedOnly({ columns, separator, encoding }),
  });
  const joined = joinRows(table.records, videos, {
    root,
    onProblem: (problem, message) => problem !== 'row without video' && onWarning?.(`${problem}: ${message}`),
  });
  const detailsOf = ({ title, ocr, asr, category, tags }: TextRecord): TableTexts => ({
    ...{ title, ocr, asr },
    ...(table.columns.category !== undefined && { categories: category }),
    ...(table.columns.tags !== undefined && { tags }),
  });
  if (joined.size > 0) return new Map([...joined].map(([{ id }, record]) => [id, detailsOf(record)]));
  const [row] = table.records;
  throw new WbdcError({
    where: path,
    expected: `texts of the videos (such as '${videos[0].id}')`,
    got: `only others ('${row?.id ?? row?.video ?? ''}')`,
    advice: 'name each by its path below their folder, by its file, or by an id that is its name without the ending',
  });
}
