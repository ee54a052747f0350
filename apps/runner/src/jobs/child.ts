import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** How far a child is, as it tells its parent. */
export interface ProgressMessage {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  readonly note: string;
}

export interface ChildOptions {
  readonly args: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What it prints is added to this file. */
  readonly log: string;
  readonly onProgress: (message: ProgressMessage) => void;
  /** Asks it to end cleanly. */
  readonly signal: AbortSignal;
}

/** Starts this program again with other arguments, in a process of its own; gives its exit code, or the signal that killed it. */
export type StartChild = (options: ChildOptions) => Promise<number | NodeJS.Signals>;

/** Tells a child that its progress goes to the parent, not to its output. */
export const CHILD_VARIABLE = 'WBDC_CHILD';

/** Children of the program in a file. One that loses its parent ends as if it were interrupted: see cli.ts. */
export function childStarter(program: string): StartChild {
  return ({ args, folder, env, log, onProgress, signal }) => {
    mkdirSync(dirname(log), { recursive: true });
    const file = openSync(log, 'a');
    const child = fork(program, [...args], {
      cwd: folder,
      env: { ...env, [CHILD_VARIABLE]: '1' },
      stdio: ['ignore', file, file, 'ipc'],
    });
    closeSync(file);
    child.on('message', (message) => onProgress(message as ProgressMessage));
    const stop = (): void => void child.kill('SIGINT');
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    return new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, killedBy) => resolve(code ?? killedBy ?? 1));
    }).finally(() => signal.removeEventListener('abort', stop));
  };
}
