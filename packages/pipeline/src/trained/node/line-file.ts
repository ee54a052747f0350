import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists, readLines, wholeLinesOf } from '@wbdc/io';
import { WbdcError } from '@wbdc/io/errors';

/** A file of JSON lines, one for each video, that is written as rows come. */
export interface LineFile {
  /** Ids that it holds from before. */
  readonly done: ReadonlyMap<string, LineOrigin>;
  write(line: object): Promise<void>;
}

/** What a line says of how it was made; those of earlier versions say less. */
export interface LineOrigin {
  readonly model: unknown;
  readonly input: unknown;
  /** Of labels: those that were asked about, as {@link labelsMark} has them. */
  readonly asked?: unknown;
}

/**
 * Opens a file for lines. Adding drops a last line that an interruption cut; `new` refuses a file that is there;
 * nothing is replaced before there is a line to put in its place.
 *
 * @throws WbdcError `lines-folder`, `lines-there`, `lines-foreign`
 */
export async function openLineFile(path: string, mode: 'new' | 'add' | 'replace'): Promise<LineFile> {
  if (!(await exists(dirname(path)))) {
    const [expected, got, advice] = ['a folder to write to', 'none', 'make it first'];
    throw new WbdcError({ where: path, expected, got, advice, code: 'lines-folder' });
  }
  const there = await exists(path);
  if (there && mode === 'new') {
    throw new WbdcError({ where: path, expected: 'no file yet', got: 'one', code: 'lines-there' });
  }
  const adding = there && mode === 'add';
  const done = adding ? await keepWhole(path) : new Map<string, LineOrigin>();
  let write = adding ? appendFile : writeFile;
  return {
    done,
    write: async (line) => {
      await write(path, `${JSON.stringify(line)}\n`);
      write = appendFile;
    },
  };
}

async function keepWhole(path: string): Promise<Map<string, LineOrigin>> {
  const { end, rest } = await wholeLinesOf(path);
  const done = new Map<string, LineOrigin>();
  const keep = (text: string, where: string): void => {
    const { id, model, input, asked } = objectOf(text, where);
    if (typeof id !== 'string') throw foreign(where, 'an id', 'none');
    done.set(id, { model, input, ...(asked !== undefined && { asked }) });
  };
  let lines = 0;
  for await (const { number, text } of readLines(path, LONGEST, end)) {
    lines = number;
    if (text.trim() !== '') keep(text, `${path}: line ${number}`);
  }
  if (rest.length === 0) return done;
  // What is not ours is not cut: first it is known for half a line of JSON.
  const text = rest.toString('utf8');
  if (isJson(text)) {
    keep(text, `${path}: line ${lines + 1}`);
    await appendFile(path, '\n');
  } else if (text.startsWith('{')) {
    await truncate(path, end); // not written anew: a kill in between would take what is whole
  } else throw foreign(`${path}: line ${lines + 1}`, 'a line of JSON', `'${text.slice(0, 60)}'`);
  return done;
}

/** Bytes of a line. */
const LONGEST = 16 << 20;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function objectOf(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw foreign(where, 'a line of JSON', `'${text.slice(0, 60)}'`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw foreign(where, 'a JSON object', `'${text.slice(0, 60)}'`);
}

function foreign(where: string, expected: string, got: string): WbdcError {
  return new WbdcError({ where, expected, got, code: 'lines-foreign' });
}
