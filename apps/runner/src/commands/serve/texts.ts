import { joinRows, readTextTable, type TextRecord } from '@wbdc/data';
import type { VideoDetails } from '@wbdc/serve';
import { columnsOf } from '../columns.js';
import { separatorOf, type TableOptions } from '../options.js';
import type { ServeCommandOptions } from '../serve-options.js';
import { UserError } from '../../core/errors.js';
import { counted } from '@wbdc/report/format';
import { definedOnly } from '@wbdc/pipeline';
import { titleOfName } from '@wbdc/pipeline/prepare';
import type { AskedVideos } from '@wbdc/video-features';

/**
 * Texts by the ids of their videos, from a table such as `wbdc prepare` takes: CSV, TSV, JSON lines or WBDC's
 * annotations, with a column that names the videos (id, or video for the path below their folder) and some of title,
 * ocr, asr.
 */
async function readTexts(
  path: string,
  { videos, root }: AskedVideos,
  { column, separator, encoding }: TableOptions,
  warn: (line: string) => void,
): Promise<Map<string, VideoDetails>> {
  const own = definedOnly({ columns: columnsOf(column), separator: separatorOf(separator), encoding });
  const { records, columns } = await readTextTable(path, { onBad: (error) => warn(error.message), ...own });
  const joined = joinRows(records, videos, {
    root,
    onProblem: (problem, message) => problem !== 'row without video' && warn(`${problem}: ${message}`),
  });
  const detailsOf = ({ title, ocr, asr, category, tags }: TextRecord): VideoDetails => ({
    ...{ title, ocr, asr },
    ...(columns.category !== undefined && { categories: category }),
    ...(columns.tags !== undefined && { tags }),
  });
  if (joined.size > 0) return new Map([...joined].map(([{ id }, record]) => [id, detailsOf(record)]));
  const [row] = records;
  throw new UserError(
    `${path}: expected texts of the videos (such as '${videos[0].id}'), ` +
      `got only others ('${row?.id ?? row?.video ?? ''}'): ` +
      'name each by its path below their folder, by its file, or by an id that is its name without the ending',
  );
}

/** The text of each video, from the options, a file or its name; empty where there is none. */
export async function textsFor(
  asked: AskedVideos,
  options: ServeCommandOptions,
  from: (path: string) => string,
  warn: (line: string) => void,
): Promise<(id: string) => VideoDetails> {
  const texts = await givenTexts(asked, options, from, warn);
  if (!options.titleFromName) return texts;
  const titles = new Map(asked.videos.map(({ id, path }) => [id, titleOfName(path)]));
  return (id) => ({ ...texts(id), title: texts(id).title || (titles.get(id) ?? '') });
}

async function givenTexts(
  asked: AskedVideos,
  { title, ocr, asr, texts: path, titleFromName, ...table }: ServeCommandOptions,
  from: (path: string) => string,
  warn: (line: string) => void,
): Promise<(id: string) => VideoDetails> {
  const { videos } = asked;
  const given = [title, ocr, asr].some((text) => text !== undefined);
  if (given && (videos.length > 1 || path !== undefined)) {
    const got = path === undefined ? `${videos.length} videos` : '--texts beside them';
    throw new UserError(
      `--title, --ocr and --asr are for one video, got ${got}: put the texts of several into --texts <file>`,
      2,
    );
  }
  if (
    path === undefined &&
    (table.column.length > 0 || table.separator !== undefined || table.encoding !== undefined)
  ) {
    throw new UserError('--column, --separator and --encoding say how --texts <file> is read, got none', 2);
  }
  if (given) return () => definedOnly({ title, ocr, asr });
  if (path === undefined) {
    if (!titleFromName) warn('no texts given: the frames alone decide; see --title and --texts');
    return () => ({});
  }
  const texts = await readTexts(from(path), asked, table, warn);
  const without = videos.filter(({ id }) => !texts.has(id));
  if (without.length > 0 && !titleFromName)
    warn(`${counted(without.length, 'video')} without a text, '${without[0].id}' for one`);
  return (id) => texts.get(id) ?? {};
}
