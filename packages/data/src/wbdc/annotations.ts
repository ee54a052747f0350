import { z } from 'zod';
import { writeFileAtomic } from '@wbdc/io';
import { DataError, describe, refuse, type OnBad } from '../files/data-error.js';
import { readJsonArray } from '../files/json-array.js';

/** Text that stood in the picture at a second of the video. */
export interface OcrLine {
  readonly time: number;
  readonly text: string;
}

/** One record of `annotations/*.json` (WBDC 2022). */
export interface Video {
  /** 19-20 digits in the official data; a string, because such a number is not exact in JavaScript. */
  readonly id: string;
  readonly title: string;
  readonly asr: string;
  readonly ocr: readonly OcrLine[];
  /** 4 digits: the first two are level 1. */
  readonly categoryId?: string;
  /** Not in the official data: our extension, most frequent tags become targets. */
  readonly tags?: readonly string[];
  /**
   * Our extension too: videos of one group, by another video's id or any name, are never divided between training and
   * validation: they show the same frames, or are of one author or series. A video is in the group of its own id too.
   */
  readonly group?: string;
}

/**
 * An id also names files, so it must be safe in a path: at least 3 characters (a folder is named by the last three).
 */
export const ID_PATTERN = /^[A-Za-z0-9_-]{3,64}$/;

const record = z.object(
  {
    id: z.string('a string in quotes').regex(ID_PATTERN, '3 to 64 letters, digits, - or _'),
    title: z.string('a string'),
    asr: z.string('a string'),
    ocr: z.array(
      z.object({ time: z.number('a number of seconds'), text: z.string('a string') }, 'an object {time, text}'),
      'a list of {time, text}',
    ),
    category_id: z
      .string('a string of 4 digits')
      .regex(/^\d{4}$/, '4 digits')
      .optional(),
    tags: z.array(z.string('a string').min(1, 'a tag that is not empty'), 'a list of strings').optional(),
    group: z.string('a string').min(1, 'a name that is not empty').optional(),
  },
  'an object with id, title, asr and ocr',
);

const decoder = new TextDecoder('utf-8', { fatal: true });

export interface ReadAnnotationsOptions {
  /** Told of each bad record, which is then skipped. Without it the first bad record throws. */
  readonly onBad?: OnBad;
  /** Largest record accepted, in bytes. */
  readonly maxRecordBytes?: number;
}

/**
 * Reads `annotations/<split>.json`, one JSON array of `{id, title, asr, ocr: [{time, text}], category_id?, tags?,
 * group?}`, in bounded memory. Other keys are ignored. Duplicate ids are not looked for here: `openDataset` refuses
 * them.
 *
 * @throws DataError naming file, record, field, what was expected and what came; a broken array always throws
 */
export async function* readAnnotations(path: string, options: ReadAnnotationsOptions = {}): AsyncGenerator<Video> {
  for await (const { index, bytes } of readJsonArray(path, options.maxRecordBytes)) {
    let video: Video;
    try {
      video = parseVideo(bytes, `${path}: record ${index}`);
    } catch (error) {
      refuse(error, options.onBad);
      continue;
    }
    yield video;
  }
}

function parseVideo(bytes: Uint8Array, where: string): Video {
  const raw = parseJson(bytes, where);
  const parsed = record.safeParse(raw);
  if (!parsed.success) throw new DataError(`${where}: ${problem(parsed.error.issues[0], raw)}`);
  const { category_id: categoryId, tags, group, ...rest } = parsed.data;
  return {
    ...rest,
    ...(categoryId !== undefined && { categoryId }),
    ...(tags && { tags }),
    ...(group !== undefined && { group }),
  };
}

function parseJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (cause) {
    throw new DataError(`${where}: expected valid JSON in UTF-8, got: ${(cause as Error).message}`, { cause });
  }
}

function problem(issue: z.core.$ZodIssue, raw: unknown): string {
  const value = issue.path.reduce<unknown>((node, key) => (node as Record<PropertyKey, unknown>)[key], raw);
  const field = issue.path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}${text && '.'}${String(key)}`),
    '',
  );
  const lost = field === 'id' && typeof value === 'number';
  const advice = lost ? ': ids have 19-20 digits and lose precision as numbers, write them in quotes' : '';
  return `${field ? `field ${field}: ` : ''}expected ${issue.message}, got ${describe(value)}${advice}`;
}

/** Writes records in the same format, one a line; the file appears only when all are written. Returns their number. */
export async function writeAnnotations(path: string, videos: Iterable<Video> | AsyncIterable<Video>): Promise<number> {
  let count = 0;
  async function* text(): AsyncGenerator<string> {
    for await (const video of videos) {
      const { categoryId, ...rest } = video;
      const line = JSON.stringify({ ...rest, ...(categoryId !== undefined && { category_id: categoryId }) });
      yield `${count++ === 0 ? '[' : ','}\n${line}`;
    }
    yield count === 0 ? '[]\n' : '\n]\n';
  }
  await writeFileAtomic(path, text());
  return count;
}
