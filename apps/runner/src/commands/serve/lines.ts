import { openLineFile, type LineOrigin } from '@wbdc/pipeline/apply';
import { UserError } from '../../core/errors.js';
import type { Output } from '../../core/output.js';
import type { JsonObject } from '../../run/stage.js';

/** Where the lines of a command go: a file, stdout, or, with --json, one object at the end. */
export interface Lines {
  /** Ids that a file holds from before. */
  readonly done: ReadonlyMap<string, LineOrigin>;
  write(line: JsonObject): Promise<void>;
  /** With --json: prints the object that holds them all, or says where they are. */
  end(summary: JsonObject): void;
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
  const { done, write } = await openLineFile(out, overwrite ? 'replace' : resume ? 'add' : 'new');
  return { done, write, end: (summary) => output.result({ out, ...summary }) };
}

function toStdout(output: Output): Lines {
  const kept: JsonObject[] = [];
  const { json = false } = output.options;
  return {
    done: new Map(),
    write: async (line) => {
      if (json) kept.push(line);
      else output.print(JSON.stringify(line));
    },
    end: (summary) => output.result({ videos: kept, ...summary }),
  };
}
