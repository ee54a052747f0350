import { appendFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { exists, readIfThere } from '@wbdc/io';
import { UserError } from '../../core/errors.js';
import type { Output } from '../../core/output.js';
import { readTable } from '@wbdc/data';
import type { JsonObject } from '../../run/stage.js';

/** Where the lines of a command go: a file, stdout, or, with --json, one object at the end. */
export interface Lines {
  /** Ids that a file holds from before. */
  readonly done: ReadonlyMap<string, Done>;
  write(line: JsonObject): Promise<void>;
  /** With --json: prints the object that holds them all, or says where they are. */
  end(summary: JsonObject): void;
}

/** What a line says of how it was made; those of earlier versions say less. */
export interface Done {
  readonly model: unknown;
  readonly input: unknown;
}

export interface LinesMode {
  readonly out?: string | undefined;
  readonly resume?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
}

/** Opens a file for lines, or none. A file that is there is an error unless it is to go on or to be replaced. */
export async function openLines({ out, resume, overwrite }: LinesMode, output: Output): Promise<Lines> {
  if (resume && overwrite) {
    throw new UserError('--resume adds to a file, --overwrite replaces it: give one of them', 2);
  }
  if (out === undefined && (resume || overwrite)) {
    throw new UserError(`--${resume ? 'resume' : 'overwrite'}: expected --out <file> with it, got none`, 2);
  }
  if (out === undefined) return toStdout(output);
  if (!(await exists(dirname(out))))
    throw new UserError(`${out}: expected a folder to write to, found none: make it first`);
  const there = await exists(out);
  if (there && !resume && !overwrite) {
    throw new UserError(`${out} is there already: --resume adds what is missing, --overwrite replaces it`);
  }
  const adding = there && !overwrite;
  const done = new Map(adding ? await keepWhole(out) : []);
  let write = adding ? appendFile : writeFile; // nothing is replaced before there is something to put in its place
  return {
    done,
    write: async (line) => {
      await write(out, `${JSON.stringify(line)}\n`);
      write = appendFile;
    },
    end: (summary) => output.result({ out, ...summary }),
  };
}

function toStdout(output: Output): Lines {
  const kept: JsonObject[] = [];
  const { json = false } = output.options;
  return {
    done: new Map(),
    write: async (line) => {
      if (json) kept.push(line);
      else output.terminal.stdout.write(`${JSON.stringify(line)}\n`);
    },
    end: (summary) => output.result({ videos: kept, ...summary }),
  };
}

/** The ids in a file of lines; a last line that an interruption cut is dropped from it. */
async function keepWhole(path: string): Promise<[string, Done][]> {
  const text = (await readIfThere(path)) ?? '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole !== text) await writeFile(path, whole);
  const { rows } = await readTable(path, { kind: 'lines', onBad: (error) => refuse(error.message) });
  return rows.map(({ where, cells: { id, model, input } }) => {
    return typeof id === 'string' ? [id, { model, input }] : refuse(`${where}: expected an id`);
  });
}

function refuse(message: string): never {
  throw new UserError(`${message}: choose another --out`);
}
