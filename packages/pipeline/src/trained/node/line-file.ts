import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readTable } from '@wbdc/data';
import { exists, readIfThere } from '@wbdc/io';
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
  const done = new Map(adding ? await keepWhole(path) : []);
  let write = adding ? appendFile : writeFile;
  return {
    done,
    write: async (line) => {
      await write(path, `${JSON.stringify(line)}\n`);
      write = appendFile;
    },
  };
}

async function keepWhole(path: string): Promise<[string, LineOrigin][]> {
  const text = (await readIfThere(path)) ?? '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  // Cut, not written anew: a kill in between would take what is whole.
  if (whole !== text) await truncate(path, Buffer.byteLength(whole));
  const { rows } = await readTable(path, { kind: 'lines', onBad: (error) => refuse(error.message) });
  return rows.map(({ where, cells: { id, model, input } }) => {
    if (typeof id === 'string') return [id, { model, input }];
    throw new WbdcError({ where, expected: 'an id', got: 'none', code: 'lines-foreign' });
  });
}

function refuse(message: string): never {
  throw new WbdcError(message);
}
