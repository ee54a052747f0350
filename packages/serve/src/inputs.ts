import {
  classifiedRow,
  definedOnly,
  embeddedRow,
  taggedRow,
  type ClassifiedRow,
  type EmbeddedRow,
  type TaggedRow,
  type TrainedInput,
  type Unreadable,
} from '@wbdc/pipeline';
import { ServeError } from './errors.js';
import type { Media } from './media.js';
import { isUnreadable, type Task, type TaskRows } from './models.js';
import type { JsonInput } from './schemas.js';
import type { Upload } from './uploads.js';

/** A video of a request, with what its answer calls it. */
export interface Asked {
  readonly id: string;
  readonly input: TrainedInput;
  /** Words of errors that are not for the client, with what stands for them. */
  readonly hidden?: readonly [string, string];
}

/** The videos of a JSON request. @throws ServeError `forbidden` where one names a file that may not be read */
export function askedInJson(inputs: readonly JsonInput[], media: Media): Promise<Asked[]> {
  return Promise.all(
    inputs.map(async ({ id, path, features, ...texts }, i): Promise<Asked> => {
      const known = definedOnly(texts);
      if (path === undefined) return { id: id ?? String(i), input: { features: features ?? [], ...known } };
      return { id: id ?? path, input: { video: await media.allow(path), ...known } };
    }),
  );
}

/** The videos of an upload. @throws ServeError `request` where its fields do not fit its files */
export function askedInUpload({ files, fields }: Upload): Asked[] {
  const { inputs, id, title, ocr, asr } = fields;
  const single = definedOnly({ id, title, ocr, asr });
  const texts = inputs ?? (files.length === 1 || Object.keys(single).length === 0 ? files.map(() => single) : []);
  if (files.length === 0 || texts.length !== files.length) {
    const expected = `one or more files, and as many entries in 'inputs' where they have texts`;
    const got = `${files.length} files and ${texts.length} entries`;
    throw new ServeError({ expected, got, code: 'request' });
  }
  return files.map((file, i) => {
    const { id: own, ...known } = definedOnly({ ...texts[i] });
    return { id: own ?? file.name, input: { video: file.path, ...known }, hidden: [file.path, file.name] };
  });
}

export type AnswerRow<T> = (T & { readonly id: string }) | { readonly id: string; readonly error: Problem };

interface Problem {
  readonly code: string;
  readonly message: string;
}

interface TaskAnswers {
  readonly classify: ClassifiedRow;
  readonly embed: EmbeddedRow;
  readonly tag: TaggedRow;
}

/** How a row is told. */
interface Telling {
  /** Hash of the model's weights. */
  readonly hash: string;
  /** Categories or tags, at most. */
  readonly top?: number | undefined;
}

type Describe<T extends Task> = (row: TaskRows[T], telling: Telling) => TaskAnswers[T];

const DESCRIBE: { readonly [T in Task]: Describe<T> } = {
  classify: (row, { hash, top }) => classifiedRow(row, hash, top),
  embed: embeddedRow,
  tag: (row, { top }) => taggedRow(row, top),
};

/** Rows as they are answered; one for each video, also for those that cannot be read. */
export function answerRows<T extends Task>(
  task: T,
  asked: readonly Asked[],
  rows: readonly (TaskRows[T] | Unreadable)[],
  telling: Telling,
): AnswerRow<TaskAnswers[T]>[] {
  const describe: Describe<T> = DESCRIBE[task];
  return asked.map(({ id, hidden }, i) => {
    const row = rows[i];
    if (!isUnreadable(row)) return { ...describe(row, telling), id };
    return { id, error: problemOf(row, hidden) };
  });
}

/** Why a video cannot be read, without paths of the server. */
export function problemOf({ error }: Unreadable, [path, name]: readonly [string, string] = ['', '']): Problem {
  const message = path === '' ? error.message : error.message.replaceAll(path, name);
  return { code: 'unreadable', message: message.slice(0, 500) };
}
