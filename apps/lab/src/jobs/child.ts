import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { CHILD_VARIABLE, WBDC_PROGRAM, type JobMessage } from '@wbdc/runner/jobs';
import { jobMessageSchema } from './messages.js';

export interface ChildOptions {
  readonly args: readonly string[];
  /** Where it runs. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What it prints is added to this file. */
  readonly log: string;
  readonly onMessage: (message: JobMessage) => void;
  /** Asks it to end cleanly. */
  readonly signal: AbortSignal;
}

/** Runs a program in a process of its own; gives its exit code, or what killed it, after its last message. */
export type StartChild = (options: ChildOptions) => Promise<number | NodeJS.Signals>;

/** Children of the program in a file. A `wbdc` that loses its parent ends as if interrupted: see process-host.ts. */
export function childStarter(program = WBDC_PROGRAM): StartChild {
  return ({ args, folder, env, log, onMessage, signal }) => {
    mkdirSync(dirname(log), { recursive: true });
    const file = openSync(log, 'a');
    const child = fork(program, [...args], {
      cwd: folder,
      env: { ...env, [CHILD_VARIABLE]: '1' },
      stdio: ['ignore', file, file, 'ipc'],
    });
    closeSync(file);
    child.on('message', (value) => {
      const { success, data } = jobMessageSchema.safeParse(value);
      if (success) onMessage(data);
    });
    const stop = (): void => void child.kill('SIGINT');
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    return new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, killedBy) => resolve(code ?? killedBy ?? 1)); // messages may come after 'exit'
    }).finally(() => signal.removeEventListener('abort', stop));
  };
}
