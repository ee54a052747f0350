import { parseColumnChoice } from '@wbdc/data';
import { separatorOf } from '../options.js';
import type { ServeCommandOptions } from '../serve-options.js';
import { UserError } from '../../core/errors.js';
import { observed } from '../../core/observer.js';
import type { Output } from '../../core/output.js';
import { counted } from '@wbdc/report/format';
import { definedOnly } from '@wbdc/pipeline';
import type { TableTexts } from '@wbdc/pipeline/prepare';
import { recognitionCache, recognizeChosen } from '@wbdc/pipeline/recognize';
import type { AskedVideos } from '@wbdc/video-features';

/** The text of each video, from the options, a file or its name; empty where there is none. */
export async function textsFor(
  asked: AskedVideos,
  options: ServeCommandOptions,
  from: (path: string) => string,
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
): Promise<(id: string) => TableTexts> {
  const given = await givenTexts(asked, options, from, output.onWarning);
  const choice = { ...options, from: from('.') };
  const total = asked.videos.length;
  const found = await observed(output, ({ onProgress }) =>
    recognizeChosen(asked.videos, ({ id }) => given(id), choice, {
      ...{ cache: recognitionCache(), signal, onWarning: output.onWarning },
      onProgress: (done) => onProgress?.({ noun: 'videos', done, total, about: 'recognising texts' }),
    }),
  );
  const byId = new Map([...found].map(([{ id }, text]) => [id, text]));
  const texts = (id: string): TableTexts => ({ ...given(id), ...byId.get(id) });
  if (!options.titleFromName) return texts;
  const { titleOfName } = await import('@wbdc/pipeline/prepare');
  const titles = new Map(asked.videos.map(({ id, path }) => [id, titleOfName(path)]));
  return (id) => ({ ...texts(id), title: texts(id).title || (titles.get(id) ?? '') });
}

async function givenTexts(
  asked: AskedVideos,
  { title, ocr: read, asr: heard, texts: path, titleFromName, ...table }: ServeCommandOptions,
  from: (path: string) => string,
  warn: (line: string) => void,
): Promise<(id: string) => TableTexts> {
  const { videos } = asked;
  const [ocr, asr] = [read, heard].map((text) => (typeof text === 'string' ? text : undefined));
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
    const recognised = [read, heard, table.ocrCommand, table.asrCommand, table.asrModel].some(Boolean);
    if (!titleFromName && !recognised) warn('no texts given: the frames alone decide; see --title and --texts');
    return () => ({});
  }
  const { column, separator, encoding } = table;
  const reading = { columns: parseColumnChoice(column), separator: separatorOf(separator), encoding, onWarning: warn };
  const { textsOfTable } = await import('@wbdc/pipeline/prepare');
  const texts = await textsOfTable(from(path), asked, reading);
  const without = videos.filter(({ id }) => !texts.has(id));
  if (without.length > 0 && !titleFromName)
    warn(`${counted(without.length, 'video')} without a text, '${without[0].id}' for one`);
  return (id) => texts.get(id) ?? {};
}
